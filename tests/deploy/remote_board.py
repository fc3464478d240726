"""A PYNQ.remote board on this machine: pynq's gRPC services, answered by the simulated board. `python remote_board.py ADDRESS`,
in pynq's environment, with $QAPFLOW_SIMULATION and $BOARD set; says "serving" once it does, and ends with its standard input."""

import sys
from concurrent import futures
from pathlib import Path

import grpc
import numpy as np
from pynq.pl_server.remote_device import BS_FPGA_MAN, FIRMWARE, PYNQ_PORT
from pynq.remote import buffer_pb2, buffer_pb2_grpc, mmio_pb2, mmio_pb2_grpc, remote_device_pb2, remote_device_pb2_grpc

from deploy.simulated_board.device import SimulatedDevice


class Files(remote_device_pb2_grpc.RemoteDeviceServicer):
    """The board's files, and loading a bitstream by writing its name to the FPGA manager."""

    def __init__(self, device):
        self.device = device
        self.files = {
            "/proc/version": b"Linux armv7l" if device.board.zynq_7000 else b"Linux aarch64",
            "/proc/device-tree/chosen/pynq_board": device.name.encode() + b"\0",
            "/sys/class/fpga_manager/fpga0/state": b"operating",
            "/sys/class/fpga_manager/fpga0/flags": b"0",
        }

    def existsfile(self, request, context):
        return remote_device_pb2.ExistsFileResponse(exists=request.file_path in self.files)

    def readfile(self, request, context):
        yield remote_device_pb2.ReadFileResponse(data=self.files[request.file_path])

    def writefile(self, requests, context):
        parts = list(requests)
        path, data = parts[0].file_path, b"".join(part.data for part in parts)
        if path == BS_FPGA_MAN:
            assert FIRMWARE + data.decode() in self.files
            self.device.fabric.reset()
        self.files[path] = data
        return remote_device_pb2.WriteFileResponse()

    def set_bitstream_attrs(self, request, context):
        return remote_device_pb2.SetBitstreamAttrsResponse(status=True)


class Registers(mmio_pb2_grpc.MmioServicer):
    def __init__(self, device):
        self.device, self.bases = device, {}

    def get_mmio(self, request, context):
        name = str(len(self.bases))
        self.bases[name] = request.base_addr
        return mmio_pb2.GetMmioResponse(status=True, mmio_id=name)

    def read(self, request, context):
        data = self.device.read_registers(self.bases[request.mmio_id] + request.offset, 4)
        return mmio_pb2.ReadResponse(status=True, data=int.from_bytes(data, "little"))

    def write(self, request, context):
        self.device.write_registers(self.bases[request.mmio_id] + request.offset, request.data)
        return mmio_pb2.WriteResponse(status=True)


class Memory(buffer_pb2_grpc.RemoteBufferServicer):
    def __init__(self, device):
        self.device, self.buffers = device, {}

    def allocate(self, request, context):
        name = str(len(self.buffers))
        self.buffers[name] = self.device.allocate((request.size,), np.uint8)
        return buffer_pb2.AllocateResponse(buffer_id=name)

    def write(self, requests, context):
        at = 0
        for part in requests:
            self.buffers[part.buffer_id][at : at + len(part.data)] = np.frombuffer(part.data, np.uint8)
            at += len(part.data)
        return buffer_pb2.BufferWriteResponse()

    def read(self, request, context):
        data = self.buffers[request.buffer_id].tobytes()
        for at in range(0, len(data), 1 << 20):
            yield buffer_pb2.BufferReadResponse(data=data[at : at + (1 << 20)])

    def freebuffer(self, request, context):
        return buffer_pb2.FreeBufferResponse()

    def flush(self, request, context):
        return buffer_pb2.FlushResponse()

    def invalidate(self, request, context):
        return buffer_pb2.InvalidateResponse()

    def physical_address(self, request, context):
        return buffer_pb2.AddressResponse(address=self.buffers[request.buffer_id].physical_address)


def main():
    import os

    device = SimulatedDevice(Path(os.environ["QAPFLOW_SIMULATION"]))
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
    remote_device_pb2_grpc.add_RemoteDeviceServicer_to_server(Files(device), server)
    mmio_pb2_grpc.add_MmioServicer_to_server(Registers(device), server)
    buffer_pb2_grpc.add_RemoteBufferServicer_to_server(Memory(device), server)
    server.add_insecure_port(f"{sys.argv[1]}:{PYNQ_PORT}")
    server.start()
    print("serving", flush=True)
    sys.stdin.read()
    server.stop(0)


if __name__ == "__main__":
    main()
