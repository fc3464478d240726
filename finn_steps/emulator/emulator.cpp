// One sparse layer over a block of samples: rows of nonzeros in compressed form, vectorised over the samples of the block.
// Every array is dense row-major; x and y hold one value a sample, BLOCK of them together, so that inner loops are SIMD.

#include <cstdint>
#include <cstring>
#include <vector>

namespace {

constexpr int64_t BLOCK = 128;

struct Layer {
    int64_t rows;
    const int32_t *row_start;        // [rows + 1] into columns and weights
    const int32_t *columns;
    const int32_t *weights;
    const int32_t *bias;             // [rows]
    const int32_t *threshold_start;  // [rows + 1] into thresholds; only thresholds that can be missed and can be reached
    const int32_t *thresholds;
    const int32_t *base;             // [rows], the output with none of them reached
    int32_t step;                    // what one threshold adds; 0: the output is the accumulator
};

void run(const Layer &layer, const int32_t *x, int32_t *y) {
    for (int64_t row = 0; row < layer.rows; row++) {
        int32_t acc[BLOCK];
        for (int64_t b = 0; b < BLOCK; b++) acc[b] = layer.bias[row];
        for (int32_t k = layer.row_start[row]; k < layer.row_start[row + 1]; k++) {
            const int32_t *column = x + layer.columns[k] * BLOCK;
            const int32_t weight = layer.weights[k];
            for (int64_t b = 0; b < BLOCK; b++) acc[b] += weight * column[b];
        }
        int32_t *out = y + row * BLOCK;
        if (layer.step == 0) {
            std::memcpy(out, acc, sizeof acc);
            continue;
        }
        int32_t reached[BLOCK] = {};
        for (int32_t t = layer.threshold_start[row]; t < layer.threshold_start[row + 1]; t++) {
            const int32_t threshold = layer.thresholds[t];
            for (int64_t b = 0; b < BLOCK; b++) reached[b] += acc[b] >= threshold;
        }
        for (int64_t b = 0; b < BLOCK; b++) out[b] = layer.base[row] + layer.step * reached[b];
    }
}

template <typename Input>
void emulate(const Layer *layers, int64_t count, int64_t widest, int64_t inputs, int64_t samples, const Input *x, int32_t *y) {
    std::vector<int32_t> front(widest * BLOCK), back(widest * BLOCK);
    const int64_t outputs = layers[count - 1].rows;
    for (int64_t first = 0; first < samples; first += BLOCK) {
        const int64_t here = samples - first < BLOCK ? samples - first : BLOCK;
        for (int64_t b = 0; b < here; b++)
            for (int64_t i = 0; i < inputs; i++) front[i * BLOCK + b] = x[(first + b) * inputs + i];
        for (int64_t l = 0; l < count; l++) {
            run(layers[l], front.data(), back.data());
            front.swap(back);
        }
        for (int64_t b = 0; b < here; b++)
            for (int64_t o = 0; o < outputs; o++) y[(first + b) * outputs + o] = front[o * BLOCK + b];
    }
}

}  // namespace

extern "C" {

void emulate_int8(const Layer *l, int64_t count, int64_t widest, int64_t inputs, int64_t samples, const int8_t *x, int32_t *y) {
    emulate(l, count, widest, inputs, samples, x, y);
}

void emulate_int32(const Layer *l, int64_t count, int64_t widest, int64_t inputs, int64_t samples, const int32_t *x, int32_t *y) {
    emulate(l, count, widest, inputs, samples, x, y);
}

}
