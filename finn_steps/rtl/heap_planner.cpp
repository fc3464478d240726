// The choice of rows for a bit heap (heap.py): which bits go to a row's carry chain, and which are looked up beside it. Compiled, since a
// layer takes thousands of plans. A plan depends on nothing but what it is given: the same everywhere.
//
// Bits of a row are chosen by count, weight and column, by dynamic programming from the highest column down; then the oldest that
// fit are taken. Floating-point sums are in a fixed order and not contracted.

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace {

using Wide = __int128;  // sums of a whole heap
constexpr int GROUP_INPUTS = 5, GROUP_SPAN = 4, SLACK = 1;
constexpr size_t LARGE = 120;
using Thresholds = std::vector<double>;
const std::vector<Thresholds> PLANS = {{1.6, 1.3, 1.0}, {1.5, 1.2}, {1.34, 1.0}, {1.2}, {1.0}, {1.9, 1.6, 1.3}, {2.2, 1.6, 1.3}};
const std::vector<Thresholds> PLANS_OF_LARGE = {PLANS[0], PLANS[3]};
const Thresholds LAST_RESORT = {0.7, 0.4};

// One bit to add: `weight` (odd) times 2**(its column). row -1: the literal `place`; else bit `place` of a row of the plan. `direct` says
// that the bit itself, not its complement, is at hand, as a chain needs it. `unit`: when it is there. weight 0: no bit.
struct Bit {
    int64_t row = -1, place = 0, weight = 0;
    bool direct = false;
    int64_t unit = 0;
    explicit operator bool() const { return weight != 0; }
    bool operator==(const Bit& other) const {
        return row == other.row && place == other.place && weight == other.weight && direct == other.direct && unit == other.unit;
    }
};

using Column = std::vector<Bit>;
using Columns = std::vector<Column>;

struct Part { int offset; int64_t weight; int count; };               // so many bits of a weight, in a column of a group
struct Shape { int span = 0; std::vector<Part> parts; };               // a group of a row by counts
struct Group { int span; std::vector<std::pair<int, Bit>> bits; };     // (offset, bit)

// A carry chain over the columns from `start` up: in each the bit of `chain`, plus the groups, plus `carry`.
struct Row {
    int start;
    std::vector<Bit> chain;
    std::vector<Group> groups;
    Bit carry;
    int64_t unit;
    // Columns that need a LUT: those that a group covers, unless nothing but a chain bit is there.
    int luts() const {
        int sum = 0;
        for (const Group& group : groups) sum += group.bits.empty() ? 0 : group.span;
        return sum;
    }
};

struct Plan {
    std::vector<Row> rows;
    std::vector<Bit> result;
    bool accumulates = false;
    Row last;
    int luts() const {
        int sum = accumulates ? last.luts() : 0;
        for (const Row& row : rows) sum += row.luts();
        return sum;
    }
    int64_t unit() const {
        int64_t latest = accumulates ? last.unit : 0;
        for (const Bit& bit : result) if (bit) latest = std::max(latest, bit.unit);
        return latest;
    }
};

// (column, negative) of the nonzero digits of the canonical signed-digit form; 3 stays 2 + 1.
std::vector<std::pair<int, int>> signed_digits(int64_t weight) {
    if (weight == 3) return {{0, 0}, {1, 0}};
    std::vector<std::pair<int, int>> found;
    for (int column = 0; weight; weight >>= 1, column++) {
        if (weight & 1) {
            int negative = (weight & 3) == 3;
            found.emplace_back(column, negative);
            weight += negative ? 1 : -1;
        }
    }
    return found;
}

void remove(Column& column, const Bit& bit) { column.erase(std::find(column.begin(), column.end(), bit)); }

using Kinds = std::vector<std::pair<int64_t, int>>;  // (weight, count)
struct Densest { int digits = 0; std::vector<Part> parts; };

// The densest group that spans the columns [first, first + span) of `kinds`.
Densest densest(const Kinds* first, int span) {
    struct Entry { int inputs; int64_t used; double value; std::vector<Part> parts; };
    const int64_t room = (1 << span) - 1;
    std::vector<Entry> best = {{0, 0, 0.0, {}}};
    for (int offset = 0; offset < span; offset++) {
        for (auto [weight, count] : first[offset]) {
            if (weight > room >> offset) continue;
            const int64_t cost = weight << offset;
            const double bonus = double(signed_digits(weight).size()) + (weight > 1 ? 0.01 : -0.001 * offset);
            std::vector<Entry> grown = best;
            for (const Entry& entry : best) {
                const int most = std::min<int64_t>({count, GROUP_INPUTS - entry.inputs, (room - entry.used) / cost});
                for (int taken = 1; taken <= most; taken++) {
                    const int inputs = entry.inputs + taken;
                    const int64_t used = entry.used + taken * cost;
                    const double candidate = entry.value + taken * bonus;
                    auto there = std::find_if(grown.begin(), grown.end(), [&](const Entry& e) { return e.inputs == inputs && e.used == used; });
                    if (there != grown.end() && !(candidate > there->value)) continue;
                    std::vector<Part> parts = entry.parts;
                    parts.push_back({offset, weight, taken});
                    if (there == grown.end()) grown.push_back({inputs, used, candidate, std::move(parts)});
                    else there->value = candidate, there->parts = std::move(parts);
                }
            }
            best = std::move(grown);
        }
    }
    const Entry& chosen = *std::max_element(best.begin(), best.end(), [](const Entry& a, const Entry& b) { return a.value < b.value; });
    Densest found{0, chosen.parts};
    for (const Part& part : chosen.parts) found.digits += part.count * int(signed_digits(part.weight).size());
    return found;
}

// What best_row() needs to know of a column: how many bits a chain can take, how many have weight 1, and the number of its Kinds without
// the bit that goes to the chain (more than a group can take says nothing).
struct Count { int64_t direct = 0, singles = 0; uint64_t kinds = 0; };

// Kinds by number, and the densest group of each up to GROUP_SPAN of them.
struct Known {
    std::unordered_map<std::string, uint64_t> numbers;
    std::vector<Kinds> kinds;
    std::unordered_map<uint64_t, Densest> groups;

    uint64_t number_of(const Kinds& column) {
        std::string key;
        for (auto [weight, count] : column) {
            key.append(reinterpret_cast<const char*>(&weight), sizeof weight);
            key.push_back(char(count));
        }
        auto [place, fresh] = numbers.try_emplace(std::move(key), kinds.size() + 1);
        if (fresh) kinds.push_back(column);
        return place->second;
    }

    const Densest& best_group(const Count* first, int span) {
        uint64_t key = 0;
        for (int offset = span - 1; offset >= 0; offset--) key = key << 16 | first[offset].kinds;
        auto [place, fresh] = groups.try_emplace(key);
        if (fresh) {
            Kinds columns[GROUP_SPAN];
            for (int offset = 0; offset < span; offset++) columns[offset] = kinds[first[offset].kinds - 1];
            place->second = densest(columns, span);
        }
        return place->second;
    }

    // Before numbers get longer than the 16 bits of a key, and memory large.
    void forget() {
        if (kinds.size() > 30000 || groups.size() > 1 << 18) *this = {};
    }
};
thread_local Known known;

Count count(const Column& column) {
    Count found;
    Kinds counts;
    for (const Bit& bit : column) {
        auto there = std::lower_bound(counts.begin(), counts.end(), std::pair<int64_t, int>{bit.weight, 0});
        if (there == counts.end() || there->first != bit.weight) there = counts.insert(there, {bit.weight, 0});
        there->second++;
        found.direct += bit.direct && bit.weight == 1;
        found.singles += bit.weight == 1;
    }
    if (found.direct && --counts.front().second == 0) counts.erase(counts.begin());
    for (auto& [weight, many] : counts) many = std::min(many, GROUP_INPUTS);
    found.kinds = known.number_of(counts);
    return found;
}

// The bits of a heap that a stage of rows may take.
struct Ready {
    Columns columns;
    std::vector<Count> counts;
};

int64_t weight_of(const Column& column) {
    int64_t sum = 0;
    for (const Bit& bit : column) sum += bit.weight;
    return sum;
}

// Choose the bits of a row whose shape is decided: direct ones for the chain, the oldest first.
Row fill(const Columns& columns, int start, const std::vector<Shape>& shape, bool carry, bool chained = true) {
    Columns left(columns.size());
    std::vector<bool> sorted(columns.size(), false);
    auto take = [&](int column, int64_t weight, bool direct) -> Bit {
        Column& bits = left[column];
        if (!sorted[column]) {
            bits = columns[column];
            std::stable_sort(bits.begin(), bits.end(), [](const Bit& a, const Bit& b) { return a.unit < b.unit; });
            sorted[column] = true;
        }
        auto fits = [&](const Bit& bit) { return bit.weight == weight && (bit.direct || !direct); };
        auto found = std::find_if(bits.begin(), bits.end(), fits);
        if (found == bits.end()) return {};
        if (!direct) {
            auto inverse = std::find_if(bits.begin(), bits.end(), [&](const Bit& bit) { return fits(bit) && !bit.direct; });
            if (inverse != bits.end()) found = inverse;
        }
        Bit bit = *found;
        bits.erase(found);
        return bit;
    };
    int end = start;
    for (const Shape& group : shape) end += group.span;
    Row row{start, {}, {}, carry ? take(start, 1, true) : Bit{}, 0};
    for (int column = start; column < end; column++) row.chain.push_back(chained ? take(column, 1, true) : Bit{});
    int column = start;
    for (const Shape& group : shape) {
        row.groups.push_back({group.span, {}});
        for (const Part& part : group.parts)
            for (int i = 0; i < part.count; i++) row.groups.back().bits.emplace_back(part.offset, take(column + part.offset, part.weight, false));
        column += group.span;
    }
    Wide greatest = bool(row.carry);
    row.unit = row.carry ? row.carry.unit : 0;
    for (size_t i = 0; i < row.chain.size(); i++) {
        if (row.chain[i]) greatest += Wide(1) << i, row.unit = std::max(row.unit, row.chain[i].unit);
    }
    column = 0;
    for (const Group& group : row.groups) {
        for (auto& [offset, bit] : group.bits) greatest += Wide(bit.weight) << column + offset, row.unit = std::max(row.unit, bit.unit);
        column += group.span;
    }
    if (end < int(columns.size()) && greatest >= Wide(1) << end - start) row.chain.push_back({});
    return row;
}

// The row that removes most digits beyond `threshold` for each of its columns; false where there is none.
bool best_row(const Ready& ready, double threshold, Row& row) {
    const std::vector<Count>& counts = ready.counts;
    const int width = int(counts.size());
    struct Best { double value; int span; const Densest* group; };
    std::vector<Best> best(width + 1, {0.0, 0, nullptr});
    best[width].value = 1.0;
    std::vector<Wide> greatest(width + 1, 0);
    std::vector<int> ends(width + 1);
    for (int column = 0; column <= width; column++) ends[column] = column;
    double lead = 1e-9;
    int lead_start = 0, lead_span = 0;
    const Densest* lead_group = nullptr;
    bool lead_carry = false;
    for (int start = width - 1; start >= 0; start--) {
        int64_t chained = 0, summed = 0;
        for (int span = 1; span <= std::min(GROUP_SPAN, width - start); span++) {
            if (counts[start + span - 1].direct) chained++, summed += 1 << (span - 1);
            const Densest& group = known.best_group(&counts[start], span);
            const double value = double(chained + group.digits) - span * (1 + threshold) + best[start + span].value;
            Wide total = summed;
            int64_t used = 0;
            for (const Part& part : group.parts) {
                total += Wide(part.count * part.weight) << part.offset;
                if (!part.offset && part.weight == 1) used += part.count;
            }
            int end = start + span;
            if (best[end].span) total += greatest[end] << span, end = ends[end];
            const bool carry = counts[start].direct > 1 && counts[start].singles - 1 > used;
            const double whole = value + carry - (end == width || total + carry >= Wide(1) << end - start);
            if (whole > lead && (counts[start].direct || !group.parts.empty()))
                lead = whole, lead_start = start, lead_span = span, lead_group = &group, lead_carry = carry;
            if (value > best[start].value + 1e-9) best[start] = {value, span, &group}, greatest[start] = total, ends[start] = end;
        }
    }
    if (!lead_span) return false;
    std::vector<Shape> shape = {{lead_span, lead_group->parts}};
    for (int column = lead_start + lead_span; column < width && best[column].span; column += best[column].span)
        shape.push_back({best[column].span, best[column].group->parts});
    row = fill(ready.columns, lead_start, shape, lead_carry);
    return true;
}

// The row that leaves one bit in each column, if there is one; with `accumulate`, without a bit in its chain.
bool final_row(const Columns& columns, bool accumulate, Row& row) {
    const int width = int(columns.size());
    int start = 0;
    while (!accumulate && weight_of(columns[start]) <= 1) start++;
    std::vector<Kinds> kinds(width);
    bool carry = false;
    for (int column = 0; column < width; column++) {
        for (const Bit& bit : columns[column]) {
            auto there = std::find_if(kinds[column].begin(), kinds[column].end(), [&](auto& kind) { return kind.first == bit.weight; });
            if (there == kinds[column].end()) kinds[column].push_back({bit.weight, 1});
            else there->second++;
        }
        const int64_t direct = std::count_if(columns[column].begin(), columns[column].end(), [](const Bit& bit) { return bit.direct && bit.weight == 1; });
        int chained = !accumulate && column >= start && direct > 0;
        if (column == start) {
            carry = direct > chained && (accumulate || columns[column].size() > 2);
            chained += carry;
        }
        for (auto& [weight, count] : kinds[column]) count -= weight == 1 ? chained : 0;
    }
    std::vector<int> spans(width, 0);
    for (int column = width - 1; column >= start; column--) {
        int64_t inputs = 0;
        Wide total = 0;
        for (int span = 1; span <= width - column; span++) {
            for (auto [weight, count] : kinds[column + span - 1]) inputs += count, total += Wide(weight) * count << span - 1;
            if (inputs > GROUP_INPUTS) break;
            const int end = column + span;
            if ((end == width || spans[end]) && (total < Wide(1) << span || end == width)) {
                spans[column] = span;
                break;
            }
        }
    }
    if (start < width && !spans[start]) return false;
    std::vector<Shape> shape;
    for (int column = start; column < width; column += spans[column]) {
        shape.push_back({spans[column], {}});
        for (int offset = 0; offset < spans[column]; offset++)
            for (auto [weight, count] : kinds[column + offset]) shape.back().parts.push_back({offset, weight, count});
    }
    row = fill(columns, start, shape, carry, !accumulate);
    return true;
}

// Two bits of each column from the lowest that holds two up to the next empty one, added.
Row plain_row(const Columns& columns) {
    int start = 0;
    while (columns[start].size() < 2) start++;
    std::vector<Shape> shape;
    for (size_t column = start; column < columns.size() && !columns[column].empty(); column++)
        shape.push_back({1, {{0, 1, int(std::min<size_t>(1, columns[column].size() - 1))}}});
    return fill(columns, start, shape, false);
}

// The same bits, and those of the constant.
Columns with_constant(Columns columns, uint64_t constant) {
    for (size_t position = 0; position < columns.size(); position++)
        if (constant >> position & 1) columns[position].push_back({-1, 1, 1, true, 0});
    return columns;
}

// The same bits, complemented ones through inverters where a chain takes them.
Columns all_direct(Columns columns) {
    for (Column& column : columns) for (Bit& bit : column) bit.direct = true;
    return columns;
}

// Replace bits of weight 3, 5, ... by their signed digits; the constant with what complements add to it.
uint64_t split(Columns& columns, uint64_t constant) {
    for (size_t column = 0; column < columns.size(); column++) {
        const Column before = columns[column];
        for (const Bit& bit : before) {
            if (bit.weight == 1) continue;
            remove(columns[column], bit);
            for (auto [offset, negative] : signed_digits(bit.weight)) {
                if (column + offset >= columns.size()) continue;
                constant -= uint64_t(negative) << (column + offset);
                columns[column + offset].push_back({-1, bit.place ^ negative, 1, bit.direct != bool(negative), bit.unit});
            }
        }
    }
    return constant;
}

// Move the bits of a row out of the columns and the bits of its word in.
void apply(Plan& plan, Columns& columns, const Row& row, Ready* ready = nullptr) {
    auto taken = [&](int column, const Bit& bit) {
        if (!bit) return;
        remove(columns[column], bit);
        if (ready) remove(ready->columns[column], bit);
    };
    taken(row.start, row.carry);
    for (size_t i = 0; i < row.chain.size(); i++) taken(row.start + int(i), row.chain[i]);
    int column = row.start;
    for (const Group& group : row.groups) {
        for (auto& [offset, bit] : group.bits) taken(column + offset, bit);
        column += group.span;
    }
    for (size_t i = 0; ready && i < row.chain.size(); i++) ready->counts[row.start + i] = count(ready->columns[row.start + i]);
    for (size_t offset = 0; offset < row.chain.size(); offset++)
        columns[row.start + offset].push_back({int64_t(plan.rows.size()), int64_t(offset), 1, true, row.unit + 1});
    plan.rows.push_back(row);
}

// Place rows over the bits that are there at unit `now`, the best first; false where no row is worth it.
bool stage(Plan& plan, Columns& columns, int64_t now, const Thresholds& thresholds) {
    Ready ready{Columns(columns.size()), {}};
    for (size_t column = 0; column < columns.size(); column++) {
        for (const Bit& bit : columns[column]) if (bit.unit <= now) ready.columns[column].push_back(bit);
        ready.counts.push_back(count(ready.columns[column]));
    }
    Row row;
    for (double threshold : thresholds) {
        bool placed = false;
        while (best_row(ready, threshold, row)) apply(plan, columns, row, &ready), placed = true;
        if (placed) return true;
    }
    return false;
}

// The least unit of the bits in columns of at least `least` bits, and the greatest of all.
std::pair<int64_t, int64_t> units_of(const Columns& columns, size_t least) {
    int64_t low = INT64_MAX, high = 0;
    for (const Column& column : columns) {
        for (const Bit& bit : column) {
            if (column.size() >= least) low = std::min(low, bit.unit);
            high = std::max(high, bit.unit);
        }
    }
    return {low, high};
}

// One way to compress; `thresholds` are the digits that a row must remove for each of its columns, tried in turn. With `accumulate`, all
// ends in `last`: a row over all columns whose chain is left free.
Plan make_plan(Columns columns, uint64_t constant, const Thresholds& thresholds, bool accumulate) {
    Plan plan;
    plan.accumulates = accumulate;
    Row row;
    bool whole = false;
    for (const Column& column : columns) for (const Bit& bit : column) whole |= bit.weight > 1;
    if (whole && !final_row(with_constant(columns, constant), accumulate, row))
        stage(plan, columns, units_of(columns, 1).first, {thresholds.front()});
    if (!(whole && final_row(with_constant(columns, constant), accumulate, row))) constant = split(columns, constant);
    columns = with_constant(columns, constant);
    while (accumulate || std::any_of(columns.begin(), columns.end(), [](const Column& column) { return weight_of(column) > 1; })) {
        if (final_row(columns, accumulate, row)) {
            if (accumulate) {
                plan.last = row;
                return plan;
            }
            apply(plan, columns, row);
            break;
        }
        auto [now, done] = units_of(columns, 2);
        while (now <= done && !stage(plan, columns, now, thresholds)) now++;
        if (now > done) {
            Columns inverted = all_direct(columns);
            if (final_row(inverted, accumulate, row)) columns = inverted;
            else if (!stage(plan, columns, done, LAST_RESORT)) {
                columns = inverted;
                apply(plan, columns, plain_row(columns));
            }
        }
    }
    for (const Column& column : columns) plan.result.push_back(column.empty() ? Bit{} : column.front());
    return plan;
}

// Of several plans the cheapest of those that are done at most SLACK units after the first (an accumulator's: not after).
Plan best_plan(const Columns& columns, uint64_t constant, bool accumulate, size_t terms) {
    known.forget();
    std::vector<Plan> plans;
    for (const Thresholds& thresholds : terms <= LARGE ? PLANS : PLANS_OF_LARGE)
        plans.push_back(make_plan(columns, constant, thresholds, accumulate));
    int64_t soonest = INT64_MAX;
    for (const Plan& plan : plans) soonest = std::min(soonest, plan.unit());
    const Plan* best = nullptr;
    for (const Plan& plan : plans) {
        if (plan.unit() > soonest + (accumulate ? 0 : SLACK)) continue;
        if (!best || std::pair(plan.luts(), plan.unit()) < std::pair(best->luts(), best->unit())) best = &plan;
    }
    return *best;
}

// What a plan is told as: see heap.py.
void tell(std::vector<int64_t>& told, const Bit& bit) {
    told.insert(told.end(), {bit ? bit.row : -1, bit ? bit.place : 0});
}

void tell(std::vector<int64_t>& told, const Row& row) {
    told.push_back(int64_t(row.chain.size()));
    for (const Bit& bit : row.chain) tell(told, bit);
    told.push_back(int64_t(row.groups.size()));
    for (const Group& group : row.groups) {
        told.insert(told.end(), {group.span, int64_t(group.bits.size())});
        for (auto& [offset, bit] : group.bits) tell(told, bit), told.push_back(bit.weight << offset);
    }
    tell(told, row.carry);
}

}  // namespace

// The best plan for `count` weighted literals in ascending order, each there at its unit, and a constant, modulo 2**width. Returns the
// numbers of the plan; of these, the first `room` are in `told`.
extern "C" int64_t plan_heap(const int64_t* literals, const int64_t* weights, const int64_t* units, int64_t count, uint64_t constant,
                             int64_t width, int64_t accumulate, int64_t* told, int64_t room) {
    Columns columns(width);
    for (int64_t i = 0; i < count; i++) {
        const bool negative = weights[i] < 0;
        if (negative) constant += uint64_t(weights[i]);
        const uint64_t magnitude = negative ? -uint64_t(weights[i]) : uint64_t(weights[i]);
        const int column = __builtin_ctzll(magnitude);
        if (column < width)
            columns[column].push_back({-1, literals[i] ^ int64_t(negative), int64_t(magnitude >> column), !negative, units[i]});
    }
    const Plan plan = best_plan(columns, constant, accumulate, size_t(count));
    std::vector<int64_t> numbers = {plan.luts(), int64_t(plan.rows.size())};
    for (const Row& row : plan.rows) tell(numbers, row);
    if (accumulate) tell(numbers, plan.last);
    else for (const Bit& bit : plan.result) tell(numbers, bit);
    std::memcpy(told, numbers.data(), sizeof(int64_t) * std::min<int64_t>(room, int64_t(numbers.size())));
    return int64_t(numbers.size());
}
