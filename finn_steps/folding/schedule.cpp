// The loops of schedule.py: rows to PEs, inputs to owners, nonzeros to lanes. All in integers.

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace {

using Rows = std::vector<std::vector<int64_t>>;

void drop(std::vector<int64_t>& rows, int64_t row) { rows.erase(std::find(rows.begin(), rows.end(), row)); }

// Move a row from the most loaded PE, or swap two, so that the greater of the two loads falls.
bool exchange(Rows& rows, std::vector<int64_t>& load, const int64_t* work) {
    const size_t top = std::max_element(load.begin(), load.end()) - load.begin();
    int64_t best = load[top], given = -1, got = -1;
    size_t partner = top;
    for (size_t other = 0; other < rows.size(); other++) {
        const int64_t gap = load[top] - load[other];
        if (gap < 2) continue;
        for (int64_t a : rows[top]) {
            auto judge = [&](int64_t b) {
                const int64_t delta = work[a] - (b < 0 ? 0 : work[b]);
                if (delta <= 0 || delta >= gap) return;
                const int64_t greater = std::max(load[top] - delta, load[other] + delta);
                if (greater < best) best = greater, partner = other, given = a, got = b;
            };
            judge(-1);
            for (int64_t b : rows[other]) judge(b);
        }
    }
    if (given < 0) return false;
    const int64_t delta = work[given] - (got < 0 ? 0 : work[got]);
    drop(rows[top], given);
    rows[partner].push_back(given);
    if (got >= 0) drop(rows[partner], got), rows[top].push_back(got);
    load[top] -= delta;
    load[partner] += delta;
    return true;
}

// How far two rows together are from half of `wanted` for each owner: the sum of squares, four times.
int64_t distance(const int32_t* now, const int32_t* next, int64_t owners, int32_t wanted) {
    int64_t sum = 0;
    for (int64_t o = 0; o < owners; o++) {
        const int32_t difference = 2 * (now[o] + next[o]) - wanted;
        sum += int64_t(difference) * difference;
    }
    return sum;
}

int32_t most_of(const int32_t* now, const int32_t* next, int64_t owners) {
    int32_t most = 0;
    for (int64_t o = 0; o < owners; o++) most = std::max(most, now[o] + next[o]);
    return most;
}

// (lanes that two rows together leave idle, less their work)
std::pair<int64_t, int64_t> idle_lanes(int64_t most, int64_t work, int64_t ports, int64_t owners) {
    return {(most + ports - 1) / ports * ports * owners - work, -work};
}

struct Feature { int64_t number, value; };

}  // namespace

extern "C" {

// order: rows, those with most `work` first. dealt [MH]: the rows of PE 0, then of PE 1, ...; counts [PE].
void deal_rows(const int64_t* work, const int64_t* order, int64_t MH, int64_t PE, int64_t* dealt, int64_t* counts) {
    Rows rows(PE);
    std::vector<int64_t> load(PE, 0);
    for (int64_t i = 0; i < MH; i++) {
        int64_t least = 0;
        for (int64_t pe = 1; pe < PE; pe++)
            if (load[pe] < load[least] || (load[pe] == load[least] && rows[pe].size() < rows[least].size())) least = pe;
        rows[least].push_back(order[i]);
        load[least] += work[order[i]];
    }
    for (int64_t i = 0; i < 50 * PE && exchange(rows, load, work); i++) {}
    for (int64_t pe = 0; pe < PE; pe++) {
        counts[pe] = int64_t(rows[pe].size());
        dealt = std::copy(rows[pe].begin(), rows[pe].end(), dealt);
    }
}

// nonzero [MH, MW], pe_of [MH], order [MW]: columns, the fullest first; pairs [tries, 2]: columns that change owners where that evens out.
void divide_columns(const uint8_t* nonzero, const int64_t* pe_of, const int64_t* order, int64_t MH, int64_t MW, int64_t PE, int64_t owners,
                    const int64_t* pairs, int64_t tries, int64_t* owner) {
    // A column is described by its nonzeros in each row and, weighed more, in each PE.
    std::vector<std::vector<Feature>> features(MW);
    std::vector<int64_t> of_pe(PE * MW, 0);
    for (int64_t row = 0; row < MH; row++)
        for (int64_t column = 0; column < MW; column++)
            if (nonzero[row * MW + column]) features[column].push_back({row, 1}), of_pe[pe_of[row] * MW + column] += 2;
    for (int64_t pe = 0; pe < PE; pe++)
        for (int64_t column = 0; column < MW; column++)
            if (of_pe[pe * MW + column]) features[column].push_back({MH + pe, of_pe[pe * MW + column]});
    std::vector<int64_t> capacity(owners, (MW + owners - 1) / owners), load((MH + PE) * owners, 0), cost(owners);
    for (int64_t i = 0; i < MW; i++) {
        std::fill(cost.begin(), cost.end(), 0);
        for (auto [number, value] : features[order[i]])
            for (int64_t o = 0; o < owners; o++) cost[o] += value * load[number * owners + o];
        int64_t least = -1;
        for (int64_t o = 0; o < owners; o++) if (capacity[o] > 0 && (least < 0 || cost[o] < cost[least])) least = o;
        owner[order[i]] = least;
        capacity[least]--;
        for (auto [number, value] : features[order[i]]) load[number * owners + least] += value;
    }
    const int64_t words = (MH + 63) / 64;
    std::vector<uint64_t> rows(MW * words, 0);
    for (int64_t column = 0; column < MW; column++)
        for (auto [number, value] : features[column]) if (number < MH) rows[column * words + number / 64] |= uint64_t(1) << number % 64;
    std::vector<Feature> difference;
    for (int64_t i = 0; i < tries; i++) {
        const int64_t a = pairs[2 * i], b = pairs[2 * i + 1], one = owner[a], two = owner[b];
        if (one == two) continue;
        difference.clear();
        for (int64_t word = 0; word < words; word++) {
            const uint64_t mine = rows[a * words + word], unlike = mine ^ rows[b * words + word];
            for (uint64_t left = unlike; left; left &= left - 1)
                difference.push_back({64 * word + __builtin_ctzll(left), mine & left & -left ? 1 : -1});
        }
        for (int64_t pe = 0; pe < PE; pe++)
            if (of_pe[pe * MW + a] != of_pe[pe * MW + b]) difference.push_back({MH + pe, of_pe[pe * MW + a] - of_pe[pe * MW + b]});
        int64_t change = 0;
        for (auto [number, value] : difference) change += value * (load[number * owners + two] - load[number * owners + one] + value);
        if (change >= 0) continue;
        for (auto [number, value] : difference) load[number * owners + one] -= value, load[number * owners + two] += value;
        owner[a] = two, owner[b] = one;
    }
}

// One PE, see schedule.py's _pack_pe. nonzero [MH, MW]; rows [count]; left [count]: places in `rows`, in the order in which they are to be
// taken (`fixed`), or from which the next is chosen by twice the backlog, or, if negative, by idle lanes. Returns the cycles; of each,
// column and ahead [SIMD]; of each row done, its place and cycle.
int64_t pack_pe(const uint8_t* nonzero, int64_t MW, const int64_t* rows, int64_t count, int64_t owners, const int64_t* owner, int64_t SIMD,
                int64_t ahead, const int64_t* left, int64_t fixed, int64_t twice_backlog, int32_t* column, uint8_t* later, int64_t* done,
                int64_t* finish) {
    const int64_t ports = SIMD / owners;
    std::vector<std::vector<std::vector<int64_t>>> queues(count, std::vector<std::vector<int64_t>>(owners));
    std::vector<int32_t> counts(count * owners, 0);
    std::vector<int64_t> work(count, 0);
    for (int64_t row = 0; row < count; row++) {
        for (int64_t input = MW - 1; input >= 0; input--) {
            if (!nonzero[rows[row] * MW + input]) continue;
            queues[row][owner[input]].push_back(input);
            counts[row * owners + owner[input]]++, work[row]++;
        }
    }
    std::vector<int64_t> waiting(left, left + count);
    auto take_next = [&](int64_t current) {
        const int32_t* now = &counts[current * owners];
        const int64_t cycles = std::max<int64_t>(1, (*std::max_element(now, now + owners) + ports - 1) / ports);
        const int32_t wanted = int32_t(ports * (2 * cycles + twice_backlog));
        size_t best = 0;
        std::pair<int64_t, int64_t> least{INT64_MAX, 0};
        for (size_t place = 0; !fixed && place < waiting.size(); place++) {
            const int32_t* next = &counts[waiting[place] * owners];
            const std::pair<int64_t, int64_t> found = twice_backlog >= 0
                ? std::pair(distance(now, next, owners, wanted), int64_t(0))
                : idle_lanes(most_of(now, next, owners), work[current] + work[waiting[place]], ports, owners);
            if (found < least) best = place, least = found;
        }
        const int64_t row = waiting[best];
        waiting.erase(waiting.begin() + best);
        return row;
    };
    int64_t current = -1, following = -1, cycle = 0, finished = 0;
    if (count) current = waiting.front(), waiting.erase(waiting.begin());
    for (; current >= 0; cycle++) {
        if (following < 0 && !waiting.empty()) following = take_next(current);
        int32_t* taken = column + cycle * SIMD;
        std::fill(taken, taken + SIMD, -1);
        std::fill(later + cycle * SIMD, later + (cycle + 1) * SIMD, 0);
        for (int64_t row : {current, ahead ? following : -1}) {
            if (row < 0) continue;
            for (int64_t o = 0; o < owners; o++) {
                std::vector<int64_t>& queue = queues[row][o];
                for (int64_t lane = o; lane < SIMD && !queue.empty(); lane += owners) {
                    if (taken[lane] >= 0) continue;
                    taken[lane] = int32_t(queue.back()), later[cycle * SIMD + lane] = row != current;
                    queue.pop_back();
                    counts[row * owners + o]--, work[row]--;
                }
            }
        }
        if (std::all_of(&counts[current * owners], &counts[current * owners] + owners, [](int32_t n) { return n == 0; })) {
            done[finished] = current, finish[finished++] = cycle;
            current = following, following = -1;
        }
    }
    return cycle;
}

}
