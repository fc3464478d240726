// Runs frames one by one through a verilated, traced `Vtop` and writes every change of its signals, by cycle.
//
// Arguments: the file of the input, the VCD to write, frames, input beats and bytes, output beats and bytes (of a frame, of a beat),
// quiet (cycles between an answer and the next frame), patience (cycles after which a frame without an answer is an error).
// The input keeps the last beat's data when nothing is offered, so that a free-running pipeline changes only as a frame goes through.
// stdout: for each frame two uint64, the cycle of its first beat in and of its last beat out. The VCD's times are cycles.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "verilated_vcd_c.h"

int main(int argc, char** argv) {
    if (argc < 10) return std::fprintf(stderr, "activity: too few arguments\n"), 3;
    const auto number = [&](int place) { return std::strtoull(argv[place], nullptr, 10); };
    const uint64_t frames = number(3), in_beats = number(4), in_bytes = number(5), out_beats = number(6), out_bytes = number(7);
    const uint64_t quiet = number(8), patience = number(9);
    std::vector<uint8_t> input(frames * in_beats * in_bytes);
    std::FILE* file = std::fopen(argv[1], "rb");
    if (!file || std::fread(input.data(), 1, input.size(), file) != input.size()) return std::fprintf(stderr, "activity: input is short\n"), 3;
    std::fclose(file);

    VerilatedContext context;
    context.traceEverOn(true);
    context.randReset(0);
    Vtop top{&context};
    VerilatedVcdC trace;
    top.trace(&trace, 99);
    trace.open(argv[2]);
    if (in_bytes > sizeof(top.s_axis_0_tdata) || out_bytes > sizeof(top.m_axis_0_tdata))
        return std::fprintf(stderr, "activity: port is narrower than the stream\n"), 3;

    uint64_t cycle = 0;
    const auto clock = [&] {
        top.eval();
        trace.dump(cycle++);
        top.ap_clk = 1;
        top.eval();
        top.ap_clk = 0;
    };
    std::memset(&top.s_axis_0_tdata, 0, sizeof(top.s_axis_0_tdata));
    top.ap_clk = top.ap_rst_n = top.s_axis_0_tvalid = 0;
#ifndef NO_HANDSHAKE
    top.s_axis_0_tlast = 0;
    top.m_axis_0_tready = 1;
#endif
    for (int i = 0; i < 4; ++i) clock();
    top.ap_rst_n = 1;
    for (uint64_t i = 0; i < quiet; ++i) clock();

    for (uint64_t frame = 0; frame < frames; ++frame) {
        uint64_t in = 0, out = 0, taken = 0, given = 0;
        const uint64_t begun = cycle;
        while (out < out_beats) {
            top.s_axis_0_tvalid = in < in_beats;
            if (in < in_beats) std::memcpy(&top.s_axis_0_tdata, &input[(frame * in_beats + in) * in_bytes], in_bytes);
            top.eval();
#ifdef NO_HANDSHAKE
            const bool takes = in < in_beats;
#else
            const bool takes = in < in_beats && top.s_axis_0_tready;
#endif
            if (takes && in++ == 0) taken = cycle;
            if (top.m_axis_0_tvalid && ++out == out_beats) given = cycle;
            if (cycle - begun > patience) return std::fprintf(stderr, "activity: frame %lu has no answer\n", (unsigned long)frame), 3;
            clock();
        }
        top.s_axis_0_tvalid = 0;
        for (uint64_t i = 0; i < quiet; ++i) clock();
        std::fwrite(&taken, 8, 1, stdout);
        std::fwrite(&given, 8, 1, stdout);
    }
    trace.close();
    top.final();
    return 0;
}
