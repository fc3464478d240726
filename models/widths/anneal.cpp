// Annealing of a network of learned widths (anneal.py): one neuron changes, what that does to the loss of all samples is computed as it is, and
// with the LUTs at their price it decides. No slopes: what is tried is what the hardware will have. Compiled, since it takes millions of trials.
//
// Sums and values are kept by place, [width][samples]; a trial goes through the samples in blocks and stops once it is surely too bad.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <optional>
#include <random>
#include <vector>

namespace {

constexpr int BLOCK = 512, UNIT = 4096;                     // samples; weights are whole multiples of 1 / UNIT
constexpr int GREATEST = 16 * UNIT;                          // of what a weight may become
constexpr int WIDEST = 10, FINEST = 10, COARSEST = -6;       // bits, and bits behind the point, that a value may get
constexpr int LOOKS[] = {5, 12, 25, 45};                     // blocks after which a trial may be given up
constexpr double SURELY = 2.5;                               // standard errors that a loss must be above what is accepted
constexpr int TUNED = 2000;                                  // trials from one best sharpness to the next
constexpr double ROWS = 0.62, BIASES = 0.18;                 // of the trials; the others change bits
constexpr double DROPPED = 0.22, TURNED = 0.08, DOUBLED = 0.08, HALVED = 0.08, LESS_A_DIGIT = 0.18, NEAR = 0.22;
constexpr double BORN = 0.4, MOVED = 0.4, NUDGED = 0.15;     // weights of zero that are tried; dropped ones that go elsewhere; biases beside

constexpr double INFINITE = std::numeric_limits<double>::max();  // not infinity, which -ffast-math does not know
using Floats = std::vector<float>;

// Nonzero digits of a weight in the form that has the fewest.
int digits(int32_t weight) {
    const uint32_t whole = std::abs(weight);
    return __builtin_popcount(3 * whole ^ whole);
}

// A neuron's own numbers: weights [inputs], bias, bits behind the point, all bits (a feature's sign too; 0: always zero).
struct Neuron {
    std::vector<int32_t> weights;
    float bias = 0;
    int fraction = 0, bits = 0;
};

// Another row, bias or width for neuron `index` of `place` (0: features, the last: classes). input -1: no weight.
struct Trial {
    int place, index;
    struct { int input = -1; int32_t weight = 0; float change = 0; } weights[2];
    float bias = 0;
    int fraction, bits;
};

// floor(sum * scale + 1/2) within limits, in real values.
struct Rounding {
    float scale, one, low, high;
    Rounding(int place, int fraction, int bits) : scale(std::ldexp(1.f, fraction)), one(1 / scale) {
        high = bits <= 0 ? 0 : std::ldexp(1.f, bits - (place == 0)) - 1;
        low = place || bits <= 0 ? 0 : -high - 1;
    }
    float operator()(float sum) const { return std::min(std::max(std::floor(sum * scale + 0.5f), low), high) * one; }
};

class Annealer {
public:
    double loss = 0, luts = 0, sharpness;
    int64_t accepted = 0;

    Annealer(std::vector<std::vector<Neuron>> places, double sharpness, int samples, const float* x, const float* targets, uint64_t seed)
        : sharpness(sharpness), places(std::move(places)), samples(samples), classes(this->places.back().size()), random(seed) {
        for (const auto& place : this->places) {
            sums.emplace_back(place.size() * samples);
            values.emplace_back(place.size() * samples);
            means.emplace_back(place.size());
        }
        std::copy_n(x, sums[0].size(), sums[0].begin());
        this->targets.assign(targets, targets + classes * samples);
        losses.resize(samples);
        logits.resize(classes * BLOCK);
        refresh();
    }

    // So many trials at a price for LUTs, the temperature falling evenly in its logarithm. Both are in nats of the mean loss.
    void run(int64_t trials, double price, double hot, double cold) {
        for (int64_t number = 0; number < trials; number++) {
            if (number % TUNED == 0) refresh();
            const double temperature = hot * std::pow(cold / hot, double(number) / trials), most = -temperature * std::log(share() + 1e-300);
            const std::optional<Trial> trial = propose();
            if (!trial) continue;
            const double luts_then = with(*trial, [&] { return count(); }), limit = most - price * (luts_then - luts);
            if (change<false>(*trial, limit) >= limit) continue;
            change<true>(*trial, INFINITE);
            swap_in(*trial);
            luts = luts_then;
            accepted++;
        }
        refresh();
    }

    const std::vector<std::vector<Neuron>>& network() const { return places; }

private:
    std::vector<std::vector<Neuron>> places;
    const int samples, classes;
    std::mt19937_64 random;
    std::vector<Floats> sums, values, means;
    Floats targets, losses;
    // Of the trial at hand: neurons of a place that change, and by how much in this block.
    std::vector<int> changed, before;
    Floats changes, next_changes, logits, losses_then = Floats(BLOCK);

    int last() const { return places.size() - 1; }
    float* of(std::vector<Floats>& what, int place, int index) { return &what[place][size_t(index) * samples]; }
    double share() { return (random() >> 11) * 0x1p-53; }
    int below(int count) { return random() % count; }
    float sign() { return random() & 1 ? 1 : -1; }

    // LUTs by the sum of area.py, without what is constant or has no reader.
    double count() const {
        static thread_local std::vector<std::vector<char>> alive;
        alive.resize(places.size());
        for (int place = 0; place <= last(); place++) {
            alive[place].resize(places[place].size());
            for (size_t index = 0; index < places[place].size(); index++) {
                const Neuron& neuron = places[place][index];
                bool fed = place == 0;
                for (size_t input = 0; !fed && input < neuron.weights.size(); input++) fed = neuron.weights[input] && alive[place - 1][input];
                alive[place][index] = place == last() || (fed && neuron.bits > 0);
            }
        }
        for (int place = last() - 1; place >= 0; place--)
            for (size_t index = 0; index < places[place].size(); index++) {
                bool read = false;
                for (size_t reader = 0; !read && reader < places[place + 1].size(); reader++)
                    read = alive[place + 1][reader] && places[place + 1][reader].weights[index];
                alive[place][index] &= read;
            }
        double found = 0;
        for (int place = 1; place <= last(); place++)
            for (size_t index = 0; index < places[place].size(); index++) {
                const Neuron& neuron = places[place][index];
                if (!alive[place][index]) continue;
                int all = 0, first = 0;
                for (size_t input = 0; input < neuron.weights.size(); input++) {
                    const int bits = places[place - 1][input].bits;
                    if (!neuron.weights[input] || !alive[place - 1][input]) continue;
                    all += digits(neuron.weights[input]) * bits;
                    first = std::max(first, bits);
                }
                found += all - first + (place < last() ? neuron.bits : 0);
            }
        return found;
    }

    // --- What is known of all samples

    void refresh() {
        for (int place = 0; place <= last(); place++)
            for (size_t index = 0; index < places[place].size(); index++) recompute(place, index);
        tune();
        luts = count();
    }

    void recompute(int place, int index) {
        const Neuron& neuron = places[place][index];
        float* sum = of(sums, place, index);
        if (place) {
            std::fill_n(sum, samples, neuron.bias);
            for (size_t input = 0; input < neuron.weights.size(); input++) {
                if (!neuron.weights[input]) continue;
                const float weight = float(neuron.weights[input]) / UNIT, *value = of(values, place - 1, input);
                for (int i = 0; i < samples; i++) sum[i] += weight * value[i];
            }
        }
        if (place == last()) return;
        const Rounding rounded(place, neuron.fraction, neuron.bits);
        float* value = of(values, place, index);
        double total = 0;
        for (int i = 0; i < samples; i++) total += value[i] = rounded(sum[i]);
        means[place][index] = total / samples;
    }

    // `changed`: the neurons of the next place that read one of `before`.
    void readers(int place) {
        changed.clear();
        for (size_t index = 0; index < places[place + 1].size(); index++) {
            const auto& weights = places[place + 1][index].weights;
            if (std::any_of(before.begin(), before.end(), [&](int input) { return weights[input]; })) changed.push_back(index);
        }
    }

    void measure() {
        double total = 0;
        for (int start = 0; start < samples; start += BLOCK) {
            const int length = std::min(BLOCK, samples - start);
            for (int c = 0; c < classes; c++) std::copy_n(of(sums, last(), c) + start, length, &logits[c * BLOCK]);
            cross_entropy(logits.data(), start, length, &losses[start]);
            for (int i = 0; i < length; i++) total += losses[start + i];
        }
        loss = total / samples;
    }

    // Of a block's logits [classes][BLOCK].
    void cross_entropy(const float* logits, int start, int length, float* found) const {
        float most[BLOCK], all[BLOCK] = {}, told[BLOCK] = {};
        const float sharp = sharpness;
        std::copy_n(logits, length, most);
        for (int c = 1; c < classes; c++)
            for (int i = 0; i < length; i++) most[i] = std::max(most[i], logits[c * BLOCK + i]);
        for (int c = 0; c < classes; c++) {
            const float *logit = logits + c * BLOCK, *target = &targets[size_t(c) * samples + start];
            for (int i = 0; i < length; i++) all[i] += std::exp((logit[i] - most[i]) * sharp);
            for (int i = 0; i < length; i++) told[i] += (logit[i] - most[i]) * target[i];
        }
        for (int i = 0; i < length; i++) found[i] = std::log(all[i]) - told[i] * sharp;
    }

    // The sharpness of the least loss, by Newton, at most twice or half as much in a step.
    void tune() {
        for (int step = 0; step < 5; step++) {
            double slope = 0, bend = 0;
            for (int i = 0; i < samples; i++) {
                double most = -INFINITE, all = 0, first = 0, second = 0;
                for (int c = 0; c < classes; c++) most = std::max<double>(most, sums[last()][size_t(c) * samples + i]);
                for (int c = 0; c < classes; c++) {
                    const double logit = sums[last()][size_t(c) * samples + i] - most, weight = std::exp(logit * sharpness);
                    all += weight, first += weight * logit, second += weight * logit * logit;
                    slope -= targets[size_t(c) * samples + i] * logit;
                }
                first /= all;
                slope += first, bend += second / all - first * first;
            }
            const double wanted = bend > 0 ? sharpness - slope / bend : sharpness;
            sharpness = std::min(std::max(wanted, sharpness / 2), sharpness * 2);
        }
        measure();
    }

    // --- What a trial does

    Neuron& neuron(const Trial& trial) { return places[trial.place][trial.index]; }

    // Exchanges the trial's numbers with the network's: twice is as before.
    void exchange(Trial& trial) {
        Neuron& held = neuron(trial);
        for (auto& weight : trial.weights)
            if (weight.input >= 0) std::swap(held.weights[weight.input], weight.weight);
        std::swap(held.fraction, trial.fraction);
        std::swap(held.bits, trial.bits);
    }

    void swap_in(Trial trial) {
        exchange(trial);
        neuron(trial).bias += trial.bias;
    }

    template <class Told> double with(Trial trial, Told told) {
        exchange(trial);
        const double found = told();
        exchange(trial);
        return found;
    }

    // Of the mean loss; of some samples alone, and above `limit`, where it is surely above. KEPT: what is known of all samples follows.
    template <bool KEPT> double change(const Trial& trial, double limit) {
        double sum = 0, squares = 0;
        const int* look = LOOKS;
        for (int start = 0, block = 1; start < samples; start += BLOCK, block++) {
            const int length = std::min(BLOCK, samples - start), done = start + length;
            if (first<KEPT>(trial, start, length) && spread<KEPT>(trial.place, start, length)) add_losses<KEPT>(start, length, sum, squares);
            if (look == std::end(LOOKS) || block != *look || done == samples) continue;
            look++;
            const double mean = sum / done, error = std::sqrt(std::max(squares / done - mean * mean, 0.0) / done);
            if (mean - SURELY * error > limit) return mean;
        }
        if (KEPT) loss += sum / samples;
        return sum / samples;
    }

    // The neuron itself; false where no value changes in this block.
    template <bool KEPT> bool first(const Trial& trial, int start, int length) {
        changes.assign(BLOCK, trial.bias);
        changed.assign(1, trial.index);
        for (const auto& weight : trial.weights) {
            if (weight.input < 0) continue;
            const float *value = of(values, trial.place - 1, weight.input) + start, by = weight.change;
            for (int i = 0; i < length; i++) changes[i] += by * value[i];
        }
        return to_values<KEPT>(trial.place, trial.index, trial.fraction, trial.bits, changes.data(), start, length);
    }

    // From changes of sums to changes of values, which are the sums of the classes; false where none is left.
    template <bool KEPT> bool to_values(int place, int index, int fraction, int bits, float* by, int start, int length) {
        float* sum = of(sums, place, index) + start;
        if (place == last()) {
            for (int i = 0; KEPT && i < length; i++) sum[i] += by[i];
            return true;
        }
        const Rounding rounded(place, fraction, bits);
        float *value = of(values, place, index) + start, most = 0, all = 0;
        for (int i = 0; i < length; i++) {
            const float sum_then = sum[i] + by[i];
            by[i] = rounded(sum_then) - value[i];
            most = std::max(most, std::abs(by[i]));
            if (KEPT) sum[i] = sum_then, value[i] += by[i], all += by[i];
        }
        if (KEPT) means[place][index] += all / samples;
        return most > 0;
    }

    // From `place` to the logits; false where they stay.
    template <bool KEPT> bool spread(int place, int start, int length) {
        for (; place < last(); place++) {
            before.swap(changed);
            readers(place);
            if (changed.empty()) return false;
            next_changes.assign(changed.size() * BLOCK, 0);
            for (size_t row = 0; row < changed.size(); row++) {
                const Neuron& neuron = places[place + 1][changed[row]];
                float* by = &next_changes[row * BLOCK];
                for (size_t column = 0; column < before.size(); column++) {
                    if (!neuron.weights[before[column]]) continue;
                    const float weight = float(neuron.weights[before[column]]) / UNIT, *change = &changes[column * BLOCK];
                    for (int i = 0; i < length; i++) by[i] += weight * change[i];
                }
                to_values<KEPT>(place + 1, changed[row], neuron.fraction, neuron.bits, by, start, length);
            }
            changes.swap(next_changes);
        }
        return true;
    }

    template <bool KEPT> void add_losses(int start, int length, double& sum, double& squares) {
        for (int c = 0; c < classes; c++) std::copy_n(of(sums, last(), c) + start, length, &logits[c * BLOCK]);
        for (size_t row = 0; !KEPT && row < changed.size(); row++)
            for (int i = 0; i < length; i++) logits[changed[row] * BLOCK + i] += changes[row * BLOCK + i];
        cross_entropy(logits.data(), start, length, losses_then.data());
        float block = 0, block_squares = 0;
        for (int i = 0; i < length; i++) {
            const float by = losses_then[i] - losses[start + i];
            block += by, block_squares += by * by;
            if (KEPT) losses[start + i] = losses_then[i];
        }
        sum += block, squares += block_squares;
    }

    // --- What is tried

    std::optional<Trial> propose() {
        const double kind = share();
        return kind < ROWS ? another_row() : kind < ROWS + BIASES ? another_bias() : other_bits();
    }

    // A living neuron of places `from` to `to`, each as likely as it has `weight(place)`.
    template <class Weight> std::optional<Trial> any(int from, int to, Weight weight) {
        int all = 0, place = from;
        for (int p = from; p <= to; p++) all += places[p].size() * weight(p);
        int chosen = below(all);
        for (; chosen >= int(places[place].size()) * weight(place); place++) chosen -= places[place].size() * weight(place);
        const int index = chosen / weight(place);
        const Neuron& neuron = places[place][index];
        if (place < last() && !neuron.bits) return std::nullopt;
        return Trial{place, index, {}, 0, neuron.fraction, neuron.bits};
    }

    // One weight changes, is born, or goes to another input; the bias keeps the sum's mean where it was.
    std::optional<Trial> another_row() {
        std::optional<Trial> trial = any(1, last(), [&](int place) { return int(places[place - 1].size()); });
        if (!trial) return trial;
        const auto& row = neuron(*trial).weights;
        const int input = below(row.size());
        if (!places[trial->place - 1][input].bits) return std::nullopt;
        const int32_t weight = row[input] ? near(row[input]) : share() < BORN ? born(row) : 0;
        if (weight == row[input] || std::abs(weight) > GREATEST) return std::nullopt;
        put(*trial, 0, input, weight);
        const int other = below(row.size());
        if (!weight && share() < MOVED && other != input && !row[other] && places[trial->place - 1][other].bits)
            put(*trial, 1, other, shifted(row[input], below(3) - 1) * int(sign()));
        if (share() < NUDGED) trial->bias += (share() - 0.5) * step(*trial);
        return trial;
    }

    void put(Trial& trial, int which, int input, int32_t weight) {
        const float by = float(weight - neuron(trial).weights[input]) / UNIT;
        trial.weights[which] = {input, weight, by};
        trial.bias -= by * means[trial.place - 1][input];
    }

    std::optional<Trial> another_bias() {
        std::optional<Trial> trial = any(1, last(), [](int) { return 1; });
        if (trial) trial->bias = sign() * step(*trial) * std::exp2(-4 * share());
        return trial;
    }

    // A bit less or more behind or before the point, or the point moved.
    std::optional<Trial> other_bits() {
        static const int STEPS[][2] = {{-1, -1}, {0, -1}, {1, 1}, {0, 1}, {1, 0}, {-1, 0}};
        std::optional<Trial> trial = any(0, last() - 1, [](int) { return 1; });
        if (!trial) return trial;
        const int* by = STEPS[below(6)];
        trial->fraction += by[0], trial->bits += by[1];
        if (trial->place == 0 && trial->bits == 1) trial->bits = 0;  // a sign alone
        if (trial->bits > WIDEST || trial->fraction > FINEST || trial->fraction < COARSEST) return std::nullopt;
        return trial;
    }

    // The value of one behind a neuron's sum.
    float step(const Trial& trial) const { return trial.place < last() ? std::ldexp(1.f, -trial.fraction) : 1 / sharpness; }

    // About as large as a weight of the row, of one digit.
    int32_t born(const std::vector<int32_t>& row) {
        int32_t like = 0;
        for (int look = 0; look < 4 && !like; look++) like = std::abs(row[below(row.size())]);
        if (!like) like = UNIT >> below(4);
        const int place = 31 - __builtin_clz(like) + below(3) - 1;
        return place < 0 || place > 16 ? 0 : (1 << place) * int(sign());
    }

    static int32_t shifted(int32_t weight, int by) { return by > 0 ? weight * 2 : by < 0 && weight % 2 == 0 ? weight / 2 : weight; }

    int32_t near(int32_t weight) {
        double kind = share();
        if ((kind -= DROPPED) < 0) return 0;
        if ((kind -= TURNED) < 0) return -weight;
        if ((kind -= DOUBLED) < 0) return shifted(weight, 1);
        if ((kind -= HALVED) < 0) return shifted(weight, -1);
        const int32_t whole = std::abs(weight), way = weight < 0 ? -1 : 1;
        std::vector<int32_t> terms;  // signed digits, from the last
        for (int32_t left = whole, one = 1; left; left /= 2, one *= 2)
            if (left & 1) {
                const int digit = 2 - (left & 3);
                terms.push_back(digit * one);
                left -= digit;
            }
        const int top = 31 - __builtin_clz(terms.back()), chosen = below(terms.size());
        if ((kind -= LESS_A_DIGIT) < 0) return terms.size() > 1 ? way * (whole - terms[chosen]) : weight;
        if ((kind -= NEAR) < 0) return way * (whole + (1 << std::max(0, top - below(5))) * int(sign()));
        if (terms.size() == 1) return way * (1 << std::max(0, top + below(3) - 1));
        const int32_t moved = random() & 1 ? terms[chosen] * 2 : terms[chosen] / 2;
        return moved ? way * (whole - terms[chosen] + moved) : weight;
    }
};

}  // namespace

extern "C" {

// sizes [places]; of all layers in a row weights [MH][MW] in 1 / UNIT and biases; of features and hidden layers fractions and bits;
// x [features][samples], targets [classes][samples].
void* start(int64_t count, const int64_t* sizes, const int32_t* weights, const float* biases, const int32_t* fractions, const int32_t* bits,
            double sharpness, int64_t samples, const float* x, const float* targets, uint64_t seed) {
    std::vector<std::vector<Neuron>> places(count);
    for (int place = 0; place < count; place++) {
        places[place].resize(sizes[place]);
        for (Neuron& neuron : places[place]) {
            if (place) {
                neuron.weights.assign(weights, weights + sizes[place - 1]);
                weights += sizes[place - 1];
                neuron.bias = *biases++;
            }
            if (place + 1 < count) neuron.fraction = *fractions++, neuron.bits = *bits++;
        }
    }
    return new Annealer(std::move(places), sharpness, samples, x, targets, seed);
}

// told [4]: loss, LUTs, sharpness, trials accepted so far.
void cool(void* held, int64_t trials, double price, double hot, double cold, double* told) {
    Annealer& annealer = *static_cast<Annealer*>(held);
    annealer.run(trials, price, hot, cold);
    told[0] = annealer.loss, told[1] = annealer.luts, told[2] = annealer.sharpness, told[3] = annealer.accepted;
}

// As `start` takes them.
void read(const void* held, int32_t* weights, float* biases, int32_t* fractions, int32_t* bits) {
    const auto& places = static_cast<const Annealer*>(held)->network();
    for (size_t place = 0; place < places.size(); place++)
        for (const Neuron& neuron : places[place]) {
            weights = std::copy(neuron.weights.begin(), neuron.weights.end(), weights);
            if (place) *biases++ = neuron.bias;
            if (place + 1 < places.size()) *fractions++ = neuron.fraction, *bits++ = neuron.bits;
        }
}

void release(void* held) { delete static_cast<Annealer*>(held); }
}
