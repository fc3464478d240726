// Drives and watches the AXI-Stream ports of a verilated `Vtop`, cycle by cycle.
//
// Arguments: the file of the input, frames, input beats and bytes, output beats and bytes (of a frame, of a beat), gaps, stalls
// (shares of cycles 0..1), seed, patience (cycles without any transfer that count as hung), wait (cycles after reset before the
// first beat), pace (at least so many cycles from beat to beat, and one less from a reset to the first), then the cycles at which
// reset comes in mid-stream, for 1 to RESET_CYCLES cycles; the first one takes RESET_CYCLES.
// With NO_HANDSHAKE the ports have neither ready nor last: each beat is taken, and all answers must be given equally long after it.
// The file: frames x input beats x input bytes.
// stdout: uint64 cycles; for each frame, uint64, the cycle of its first beat in; of its last beat out; then the output beats.
// A broken protocol or a hung stream: one line on stderr, exit code 3.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

constexpr uint64_t RESET_CYCLES = 4;

struct Random {
    uint64_t state;
    uint64_t next() {
        uint64_t z = (state += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
    double share() { return (next() >> 11) * (1.0 / (1ull << 53)); }
};

// Open and closed for runs of 1 to 128 cycles, short ones as likely as long ones; closed for `share` of the time.
struct Gate {
    double share;
    Random random;
    uint64_t left = 0;
    bool closed = false;
    bool step() {
        if (share <= 0) return false;
        if (!left) {
            closed = random.share() < share;
            left = 1 + (random.next() & ((1ull << (random.next() % 8)) - 1));
        }
        --left;
        return closed;
    }
};

[[noreturn]] static void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(3);
}

int main(int argc, char** argv) {
    if (argc < 13) fail("harness: too few arguments");
    const uint64_t frames = std::strtoull(argv[2], nullptr, 10);
    const uint64_t in_beats = std::strtoull(argv[3], nullptr, 10), in_bytes = std::strtoull(argv[4], nullptr, 10);
    const uint64_t out_beats = std::strtoull(argv[5], nullptr, 10), out_bytes = std::strtoull(argv[6], nullptr, 10);
    const double gaps = std::strtod(argv[7], nullptr), stalls = std::strtod(argv[8], nullptr);
    const uint64_t seed = std::strtoull(argv[9], nullptr, 10), patience = std::strtoull(argv[10], nullptr, 10);
    const uint64_t wait = std::strtoull(argv[11], nullptr, 10);
    const uint64_t pace = std::strtoull(argv[12], nullptr, 10);
    const uint64_t settled = pace ? pace - 1 : 0;
    std::vector<uint64_t> resets;
    for (int i = 13; i < argc; ++i) resets.push_back(std::strtoull(argv[i], nullptr, 10));

    const uint64_t in_total = frames * in_beats, out_total = frames * out_beats;
    std::vector<uint8_t> input(in_total * in_bytes), output(out_total * out_bytes);
    std::FILE* file = std::fopen(argv[1], "rb");
    if (!file || std::fread(input.data(), 1, input.size(), file) != input.size()) fail("harness: input is short");
    std::fclose(file);
    std::vector<uint64_t> taken(frames), given(frames);

    VerilatedContext context;
    context.randReset(2);
    context.randSeed(int(seed % 0x7fffffff) + 1);
    Vtop top{&context};
    if (in_bytes > sizeof(top.s_axis_0_tdata) || out_bytes > sizeof(top.m_axis_0_tdata))
        fail("harness: port is narrower than the stream");

    Random garbage{seed ^ 0x1234567ull}, lengths{seed ^ 0x89abcdefull};
    Gate gap{gaps, {seed * 2 + 1}}, stall{stalls, {seed * 2 + 2}};
    const auto clock = [&] { top.ap_clk = 1; top.eval(); top.ap_clk = 0; };
    const auto reset = [&](uint64_t cycles) {
        top.ap_rst_n = 0;
        top.s_axis_0_tvalid = 0;
        for (uint64_t i = 0; i < cycles; ++i) {
            top.eval();
            if (i && top.m_axis_0_tvalid) fail("m_axis_0_tvalid is high in reset");
            clock();
        }
        top.ap_rst_n = 1;
    };
    const auto accept = [&](bool ready) {
#ifndef NO_HANDSHAKE
        top.m_axis_0_tready = ready;
#endif
    };
    const auto mark = [&](bool last) {
#ifndef NO_HANDSHAKE
        top.s_axis_0_tlast = last;
#endif
    };
    top.ap_clk = 0;
    accept(false);
    reset(RESET_CYCLES);

    uint64_t cycle = 0, idle = 0, in = 0, out = 0, after = 0, earliest = std::max(wait, settled);
    size_t next_reset = 0;
    bool offering = false, held = false, held_last = false;
    std::vector<uint8_t> held_data(out_bytes);
    while (out < out_total || after < 256) {
        if (next_reset < resets.size() && cycle == resets[next_reset]) {
            ++next_reset;
            reset(1 + lengths.next() % RESET_CYCLES);
            in = out = idle = after = 0;
            earliest = cycle + settled;
            offering = held = false;
        }
        if (!offering) offering = cycle >= earliest && in < in_total && !gap.step();
        const bool closed = stall.step();
        top.s_axis_0_tvalid = offering;
        if (offering) {
            std::memcpy(&top.s_axis_0_tdata, &input[in * in_bytes], in_bytes);
            mark(in + 1 == in_total);
        } else {
            for (size_t i = 0; i < in_bytes; ++i) reinterpret_cast<uint8_t*>(&top.s_axis_0_tdata)[i] = garbage.next();
            mark(garbage.next() & 1);
        }
        accept(!closed);
        top.eval();

#ifdef NO_HANDSHAKE
        const bool takes = offering, valid = top.m_axis_0_tvalid, last = out + 1 == out_total;
#else
        const bool takes = offering && top.s_axis_0_tready, valid = top.m_axis_0_tvalid, last = top.m_axis_0_tlast;
#endif
        const auto at = [&] { return " at output beat " + std::to_string(out) + ", cycle " + std::to_string(cycle); };
        const uint8_t* data = reinterpret_cast<const uint8_t*>(&top.m_axis_0_tdata);
        if (held && !valid) fail("m_axis_0_tvalid fell before tready" + at());
        if (held && (last != held_last || std::memcmp(data, held_data.data(), out_bytes)))
            fail("m_axis_0 changed while it waited for tready" + at());
        if (valid && out == out_total) fail("more output than " + std::to_string(frames) + " frames" + at());
        if (valid && last != (out + 1 == out_total))
            fail(std::string(last ? "m_axis_0_tlast came early" : "m_axis_0_tlast is missing") + at());
        held = valid && closed;
        held_last = last;
        std::memcpy(held_data.data(), data, out_bytes);
        if (takes) {
            if (in % in_beats == 0) taken[in / in_beats] = cycle;
            ++in;
            offering = false;
            earliest = cycle + pace;
        }
        if (valid && !closed) {
            std::memcpy(&output[out * out_bytes], data, out_bytes);
            ++out;
            if (out % out_beats == 0) given[out / out_beats - 1] = cycle;
#ifdef NO_HANDSHAKE
            if (cycle - taken[out - 1] != given[0] - taken[0])
                fail("an answer came " + std::to_string(cycle - taken[out - 1]) + " cycles after its frame, the first " +
                     std::to_string(given[0] - taken[0]) + at());
#endif
        }
        if (out == out_total) ++after;
        idle = takes || (valid && !closed) || out == out_total ? 0 : idle + 1;
        if (idle > patience)
            fail("the stream hung: " + std::to_string(in) + " of " + std::to_string(in_total) + " input beats taken, " +
                 std::to_string(out) + " of " + std::to_string(out_total) + " output beats given, cycle " + std::to_string(cycle));
        clock();
        ++cycle;
        if (context.gotFinish()) fail("the design stopped the simulation, cycle " + std::to_string(cycle));
    }
    top.final();
    cycle -= after;
    std::fwrite(&cycle, 8, 1, stdout);
    std::fwrite(taken.data(), 8, frames, stdout);
    std::fwrite(given.data(), 8, frames, stdout);
    std::fwrite(output.data(), 1, output.size(), stdout);
    return 0;
}
