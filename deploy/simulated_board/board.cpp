// A board in software: the verilated accelerator_shell with an AXI DMA at its streams and a master at its AXI-Lite port.
//
// Compiled with the verilated sources into one shared library; device.py calls the extern "C" functions. The DMA moves one word
// in each cycle in which the gates allow it: no memory latency is modelled. A watcher counts at the accelerator's own ports
// what the measurement block claims to count, and knows nothing of that block.
#include <cstdint>
#include <cstring>
#include <deque>

namespace {

struct Random {
    uint64_t state;
    uint64_t next() {
        uint64_t z = (state += 0x9e3779b97f4a7c15ull);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
        return z ^ (z >> 31);
    }
};

// Closed for `share` of the time, in runs of 1 to 64 cycles.
struct Gate {
    double share = 0;
    Random random{0};
    uint64_t left = 0;
    bool closed = false;
    bool step() {
        if (share <= 0) return false;
        if (share >= 1) return true;
        if (!left) {
            closed = (random.next() >> 11) * 0x1.0p-53 < share;
            left = 1 + (random.next() & ((1ull << (random.next() % 7)) - 1));
        }
        --left;
        return closed;
    }
};

enum { RUNNING = 1, OVERFLOWED = 2, BROKEN = 4 };

struct Channel {
    uint8_t* memory = nullptr;
    uint64_t size = 0, done = 0;
    uint32_t state = 0;
    Gate gate;
};

}  // namespace

// Cycles between events at the accelerator's ports; all are zero after watch_clear().
struct Watch {
    uint64_t cycles, samples_in, samples_out, latency_min, latency_max, latency_sum, interval_min, span, starved, stalled;
    uint64_t histogram[4096];
};

struct Board {
    VerilatedContext context;
    Vtop top{&context};
    uint64_t word, in_beats, out_beats;
    Channel send, receive;
    Watch watch{};
    uint64_t in_beat = 0, out_beat = 0, last_out = 0, first_out = 0;
    bool in_batch = false;
    std::deque<uint64_t> starts;
    Board(uint64_t word, uint64_t in_beats, uint64_t out_beats) : word(word), in_beats(in_beats), out_beats(out_beats) {}

    void see(bool in_valid, bool in_ready, bool in_last, bool out_valid, bool out_ready, bool in_reset, bool pattern) {
        ++watch.cycles;
        if (in_reset) {
            starts.clear();
            in_beat = out_beat = 0;
            in_batch = false;
            return;
        }
        if (in_batch && in_ready && !in_valid) ++watch.starved;
        if (out_valid && !out_ready) ++watch.stalled;
        if (in_valid && in_ready) {
            if (in_beat == 0) starts.push_back(watch.cycles), ++watch.samples_in;
            in_beat = (in_beat + 1) % in_beats;
            in_batch = !in_last && !pattern;
        }
        if (out_valid && out_ready) {
            out_beat = (out_beat + 1) % out_beats;
            if (out_beat == 0 && !starts.empty()) {
                const uint64_t latency = watch.cycles - starts.front();
                starts.pop_front();
                if (!watch.samples_out || latency < watch.latency_min) watch.latency_min = latency;
                if (latency > watch.latency_max) watch.latency_max = latency;
                watch.latency_sum += latency;
                ++watch.histogram[latency < 4095 ? latency : 4095];
                if (watch.samples_out) {
                    const uint64_t interval = watch.cycles - last_out;
                    if (watch.samples_out == 1 || interval < watch.interval_min) watch.interval_min = interval;
                    watch.span = watch.cycles - first_out;
                } else first_out = watch.cycles;
                last_out = watch.cycles;
                ++watch.samples_out;
            }
        }
    }

    void cycle() {
        // The sending half of the DMA holds what it offers until it is taken.
        const bool offer = send.state & RUNNING && (top.s_axis_tvalid || !send.gate.step());
        const uint64_t rest = send.size - send.done, bytes = rest < word ? rest : word;
        uint8_t* data = reinterpret_cast<uint8_t*>(&top.s_axis_tdata);
        std::memset(data, 0xA5, word);
        if (offer) std::memcpy(data, send.memory + send.done, bytes);
        top.s_axis_tkeep = offer ? (1u << bytes) - 1 : 0;
        top.s_axis_tlast = offer && bytes == rest;
        top.s_axis_tvalid = offer;
        top.m_axis_tready = receive.state == RUNNING && !receive.gate.step();
        top.eval();

        const auto* root = top.rootp;
        see(root->accelerator_shell__DOT__shell__DOT__in_valid && !root->accelerator_shell__DOT__shell__DOT__hold,
            root->accelerator_shell__DOT__shell__DOT__in_ready, root->accelerator_shell__DOT__shell__DOT__in_last,
            root->accelerator_shell__DOT__shell__DOT__out_valid, root->accelerator_shell__DOT__shell__DOT__out_ready,
            !root->accelerator_shell__DOT__shell__DOT__core_rst_n, root->accelerator_shell__DOT__shell__DOT__pattern);
        const bool took = offer && top.s_axis_tready, gave = top.m_axis_tvalid && top.m_axis_tready;
        uint8_t given[64];
        std::memcpy(given, &top.m_axis_tdata, word);
        const uint32_t keep = top.m_axis_tkeep;
        const bool last = top.m_axis_tlast;
        top.aclk = 1;
        top.eval();
        top.aclk = 0;

        if (took) {
            send.done += bytes;
            if (send.done == send.size) send.state &= ~RUNNING;
            top.s_axis_tvalid = 0;
        }
        if (gave) {
            const uint64_t count = __builtin_popcount(keep);
            if (receive.done + count > receive.size) {
                receive.state = OVERFLOWED;
            } else {
                std::memcpy(receive.memory + receive.done, given, count);
                receive.done += count;
                if (last) receive.state &= ~RUNNING;
            }
        }
    }
};

extern "C" {

Board* board_new(uint64_t word, uint64_t in_beats, uint64_t out_beats, uint64_t seed) {
    Board* board = new Board(word, in_beats, out_beats);
    board->context.randReset(2);
    board->context.randSeed(int(seed % 0x7fffffff) + 1);
    Vtop& top = board->top;
    top.aclk = 0;
    top.s_axi_awvalid = top.s_axi_wvalid = top.s_axi_bready = top.s_axi_arvalid = top.s_axi_rready = 0;
    top.s_axis_tvalid = top.m_axis_tready = 0;
    top.aresetn = 0;
    for (int i = 0; i < 8; ++i) board->cycle();
    top.aresetn = 1;
    for (int i = 0; i < 4; ++i) board->cycle();
    std::memset(&board->watch, 0, sizeof board->watch);
    return board;
}

void board_free(Board* board) { delete board; }

// The board's own reset line, in the middle of whatever goes on.
void board_reset(Board* board, uint64_t cycles) {
    board->top.aresetn = 0;
    for (uint64_t i = 0; i < cycles; ++i) board->cycle();
    board->top.aresetn = 1;
    board->cycle();
}

void board_traffic(Board* board, double gaps, double stalls, uint64_t seed) {
    board->send.gate = Gate{gaps, {seed * 2 + 1}};
    board->receive.gate = Gate{stalls, {seed * 2 + 2}};
}

// One AXI-Lite access; 0 when the slave does not answer within 1000 cycles, or changes its answer before it is taken.
int board_write(Board* board, uint32_t address, uint32_t value) {
    Vtop& top = board->top;
    top.s_axi_awaddr = address;
    top.s_axi_wdata = value;
    top.s_axi_wstrb = 15;
    top.s_axi_awvalid = top.s_axi_wvalid = top.s_axi_bready = 1;
    for (int i = 0; i < 1000; ++i) {
        top.eval();
        const bool address_taken = top.s_axi_awvalid && top.s_axi_awready, data_taken = top.s_axi_wvalid && top.s_axi_wready;
        const bool answered = top.s_axi_bvalid;
        board->cycle();
        if (address_taken) top.s_axi_awvalid = 0;
        if (data_taken) top.s_axi_wvalid = 0;
        if (answered) {
            top.s_axi_bready = 0;
            return 1;
        }
    }
    return 0;
}

int board_read(Board* board, uint32_t address, uint32_t* value, uint64_t wait_before_ready) {
    Vtop& top = board->top;
    top.s_axi_araddr = address;
    top.s_axi_arvalid = 1;
    top.s_axi_rready = 0;
    bool seen = false;
    for (int i = 0; i < 1000; ++i) {
        top.eval();
        if (top.s_axi_rvalid) {
            if (seen && *value != top.s_axi_rdata) return 0;
            seen = true;
            *value = top.s_axi_rdata;
            if (wait_before_ready) --wait_before_ready;
            else top.s_axi_rready = 1;
        }
        const bool taken = top.s_axi_arvalid && top.s_axi_arready, answered = top.s_axi_rvalid && top.s_axi_rready;
        board->cycle();
        if (taken) top.s_axi_arvalid = 0;
        if (answered) {
            top.s_axi_rready = 0;
            return 1;
        }
    }
    return 0;
}

void board_transfer(Board* board, int receiving, uint8_t* memory, uint64_t size) {
    Channel& channel = receiving ? board->receive : board->send;
    channel.memory = memory;
    channel.size = size;
    channel.done = 0;
    channel.state = RUNNING;
}

void board_abort(Board* board, int receiving) {
    (receiving ? board->receive : board->send).state = 0;
    if (!receiving) board->top.s_axis_tvalid = 0;
}

uint64_t board_transferred(Board* board, int receiving, uint32_t* state) {
    const Channel& channel = receiving ? board->receive : board->send;
    *state = channel.state;
    return channel.done;
}

// Run until a transfer that goes on ends, at most `cycles` cycles.
void board_run(Board* board, uint64_t cycles) {
    const uint32_t send = board->send.state, receive = board->receive.state;
    for (uint64_t i = 0; i < cycles && send == board->send.state && receive == board->receive.state; ++i) board->cycle();
}

const Watch* board_watch(Board* board) { return &board->watch; }

void board_watch_clear(Board* board) {
    const uint64_t cycles = board->watch.cycles;
    std::memset(&board->watch, 0, sizeof board->watch);
    board->watch.cycles = cycles;
}

}
