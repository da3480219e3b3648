"""The functions in C that layers call. Each stands alone; a file has those that its network needs."""

CONVOLUTION = """
/* The first place, and the one after the last, at which a filter's tap `shift` before the place meets an input of
 * `size` values when the filter moves in steps. */
static int first_place(int shift, int step)
{
    return shift > 0 ? (shift + step - 1) / step : 0;
}

static int end_place(int shift, int step, int size, int places)
{
    int last = size - 1 + shift;
    if (last < 0)
        return 0;
    return last / step + 1 < places ? last / step + 1 : places;
}

/* Filters (count, channels / groups, kh, kw) over x (channels, height, width), zeros around it, to y (count, rows,
 * columns). A signal is a picture with a height of 1. */
static void convolution(const float *x, int channels, int height, int width, const float *filters, const float *bias,
                        int kh, int kw, int step_y, int step_x, int top, int left, int gap_y, int gap_x, int groups,
                        float *y, int count, int rows, int columns)
{
    int members = channels / groups;
    for (int f = 0; f < count; f++) {
        float *map = y + f * rows * columns;
        const float *begin = x + f / (count / groups) * members * height * width;
        for (int i = 0; i < rows * columns; i++)
            map[i] = bias ? bias[f] : 0.0f;
        for (int c = 0; c < members; c++)
            for (int ky = 0; ky < kh; ky++)
                for (int kx = 0; kx < kw; kx++) {
                    float weight = filters[((f * members + c) * kh + ky) * kw + kx];
                    int up = top - ky * gap_y, back = left - kx * gap_x;
                    int from = first_place(back, step_x), to = end_place(back, step_x, width, columns);
                    int end = end_place(up, step_y, height, rows);
                    for (int r = first_place(up, step_y); r < end; r++) {
                        int row = (c * height + r * step_y - up) * width - back;
                        for (int i = from; i < to; i++)
                            map[r * columns + i] += weight * begin[row + i * step_x];
                    }
                }
    }
}
"""

MAX_POOLING = """
/* The maximum of each group of kh x kw values of x (channels, height, width), to y (channels, rows, columns). */
static void max_pooling(const float *x, int channels, int height, int width, int kh, int kw, int step_y, int step_x,
                        int top, int left, float *y, int rows, int columns)
{
    for (int c = 0; c < channels; c++)
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < columns; i++) {
                float most = -FLT_MAX;
                for (int ky = 0; ky < kh; ky++)
                    for (int kx = 0; kx < kw; kx++) {
                        int v = r * step_y - top + ky, u = i * step_x - left + kx;
                        if (v >= 0 && v < height && u >= 0 && u < width && x[(c * height + v) * width + u] > most)
                            most = x[(c * height + v) * width + u];
                    }
                y[(c * rows + r) * columns + i] = most;
            }
}
"""

MEAN_POOLING = """
/* The mean of each group of kh x kw values of x (channels, height, width), to y (channels, rows, columns); `padded`
 * counts zeros around x as values. */
static void mean_pooling(const float *x, int channels, int height, int width, int kh, int kw, int step_y, int step_x,
                         int top, int left, int padded, float *y, int rows, int columns)
{
    for (int c = 0; c < channels; c++)
        for (int r = 0; r < rows; r++)
            for (int i = 0; i < columns; i++) {
                float sum = 0.0f;
                int count = 0;
                for (int ky = 0; ky < kh; ky++)
                    for (int kx = 0; kx < kw; kx++) {
                        int v = r * step_y - top + ky, u = i * step_x - left + kx;
                        if (v >= 0 && v < height && u >= 0 && u < width) {
                            sum += x[(c * height + v) * width + u];
                            count++;
                        }
                    }
                y[(c * rows + r) * columns + i] = sum / (float)(padded ? kh * kw : count);
            }
}
"""

DENSE = """
/* y = weights (outputs, inputs) times x (inputs), plus bias. */
static void dense(const float *x, int inputs, const float *weights, const float *bias, float *y, int outputs)
{
    for (int o = 0; o < outputs; o++) {
        float sum = bias ? bias[o] : 0.0f;
        for (int i = 0; i < inputs; i++)
            sum += weights[o * inputs + i] * x[i];
        y[o] = sum;
    }
}
"""

SOFTMAX = """
/* Numbers x (count) as shares y of their exponentials; x and y may be the same. */
static void softmax(const float *x, float *y, int count)
{
    float most = x[0], sum = 0.0f;
    for (int i = 1; i < count; i++)
        most = x[i] > most ? x[i] : most;
    for (int i = 0; i < count; i++) {
        y[i] = expf(x[i] - most);
        sum += y[i];
    }
    for (int i = 0; i < count; i++)
        y[i] /= sum;
}
"""

FUNCTIONS = {
    "convolution": CONVOLUTION,
    "max_pooling": MAX_POOLING,
    "mean_pooling": MEAN_POOLING,
    "dense": DENSE,
    "softmax": SOFTMAX,
}

MAIN = """
#ifdef CNN_MAIN
/* Reads INPUTS numbers for each input from standard input; prints its probabilities, then a tab and the best label. */
#include <stdio.h>

int main(void)
{
    static INPUT x[INPUTS];
    static float shares[CLASSES];
    for (int count = 0;; count++) {
        for (int i = 0; i < INPUTS; i++) {
            double number;
            int got = scanf("%lf", &number);
            if (got == EOF && i == 0 && count > 0)
                return 0;
            if (got != 1 || !(number >= LEAST && number <= MOST) || (WHOLE && number != floor(number))) {
                fprintf(stderr, "input %d, number %d: give %d ", count + 1, i + 1, INPUTS);
                fprintf(stderr, "%s from %g to %g for each\\n", WHOLE ? "whole numbers" : "numbers", LEAST, MOST);
                return 2;
            }
            x[i] = (INPUT)number;
        }
        predict(x, shares);
        probabilities(shares);
        int best = 0;
        for (int i = 0; i < CLASSES; i++) {
            printf("%s%.9g", i ? " " : "", (double)shares[i]);
            best = shares[i] > shares[best] ? i : best;
        }
        printf("\\t%s\\n", labels[best]);
    }
}
#endif
"""
