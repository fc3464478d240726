// One sparse layer over a block of samples: rows of nonzeros in compressed form, SIMD over the samples of the block.
// Every array is dense row-major; x and y hold one value a sample, BLOCK of them together, in integers T that hold every
// accumulator. Partial sums may wrap (-fwrapv); the whole one does not.

#include <cstdint>
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
    const int32_t *low;              // [rows]: the thresholds reached are (clip(accumulator, low, high) - low) * factor + offset
    const int32_t *high;             //         >> shift; factor 0: they have to be counted
    const int32_t *factor;
    const int32_t *offset;
    const int32_t *shift;
    const int32_t *base;             // [rows], the output with none of them reached
    int32_t step;                    // what one threshold adds; 0: the output is the accumulator
};

template <typename T> struct Vector {
    typedef T type __attribute__((vector_size(32)));
    static constexpr int64_t SAMPLES = 32 / sizeof(T);
    static constexpr int64_t TOGETHER = 4;   // so many stay in registers while a row is added up
};

template <typename T, typename V>
V reached(const Layer &layer, int64_t row, V acc) {
    if (const T factor = T(layer.factor[row])) {
        const V low = V{} + T(layer.low[row]), high = V{} + T(layer.high[row]);
        const V clipped = (acc < low ? low : acc > high ? high : acc) - low;
        return (clipped * factor + T(layer.offset[row])) >> T(layer.shift[row]);
    }
    V count = {};
    for (int32_t t = layer.threshold_start[row]; t < layer.threshold_start[row + 1]; t++)
        count -= V(acc >= V{} + T(layer.thresholds[t]));
    return count;
}

template <typename T>
void run(const Layer &layer, const T *x, T *y) {
    using V = typename Vector<T>::type;
    constexpr int64_t SAMPLES = Vector<T>::SAMPLES, TOGETHER = Vector<T>::TOGETHER;
    for (int64_t row = 0; row < layer.rows; row++) {
        const T base = T(layer.base[row]), step = T(layer.step);
        for (int64_t b = 0; b < BLOCK; b += SAMPLES * TOGETHER) {
            V acc[TOGETHER];
            for (V &a : acc) a = V{} + T(layer.bias[row]);
            for (int32_t k = layer.row_start[row]; k < layer.row_start[row + 1]; k++) {
                const V *column = reinterpret_cast<const V *>(x + layer.columns[k] * BLOCK + b);
                const T weight = T(layer.weights[k]);
                for (int64_t v = 0; v < TOGETHER; v++) acc[v] += column[v] * weight;
            }
            V *out = reinterpret_cast<V *>(y + row * BLOCK + b);
            for (int64_t v = 0; v < TOGETHER; v++) out[v] = step ? reached<T>(layer, row, acc[v]) * step + base : acc[v];
        }
    }
}

template <typename T, typename Input>
void emulate(const Layer *layers, int64_t count, int64_t widest, int64_t inputs, int64_t samples, const Input *x, int32_t *y) {
    using V = typename Vector<T>::type;
    std::vector<V> front(widest * BLOCK / Vector<T>::SAMPLES), back(front.size());
    const int64_t outputs = layers[count - 1].rows;
    for (int64_t first = 0; first < samples; first += BLOCK) {
        const int64_t here = samples - first < BLOCK ? samples - first : BLOCK;
        T *in = reinterpret_cast<T *>(front.data());
        for (int64_t i = 0; i < inputs; i++)
            for (int64_t b = 0; b < here; b++) in[i * BLOCK + b] = T(x[(first + b) * inputs + i]);
        for (int64_t l = 0; l < count; l++) {
            run(layers[l], reinterpret_cast<const T *>(front.data()), reinterpret_cast<T *>(back.data()));
            front.swap(back);
        }
        const T *out = reinterpret_cast<const T *>(front.data());
        for (int64_t b = 0; b < here; b++)
            for (int64_t o = 0; o < outputs; o++) y[(first + b) * outputs + o] = out[o * BLOCK + b];
    }
}

}  // namespace

#define EMULATE(NAME, T, INPUT)                                                                                            \
    extern "C" void NAME(const Layer *l, int64_t count, int64_t widest, int64_t inputs, int64_t samples, const INPUT *x,   \
                         int32_t *y) {                                                                                     \
        emulate<T>(l, count, widest, inputs, samples, x, y);                                                               \
    }

EMULATE(emulate_16_from_int8, int16_t, int8_t)
EMULATE(emulate_16_from_int32, int16_t, int32_t)
EMULATE(emulate_32_from_int8, int32_t, int8_t)
EMULATE(emulate_32_from_int32, int32_t, int32_t)
