/* Rows of a table by their numbers, and the gradient of the table in a fixed order. */
#include "gk.h"

/* y[i] is the row of w [vocabulary, width] at ids[i]. */
KERNEL embedding(float *y, const int *ids, const float *w, int n, int width, int vocabulary, int *bad, int tag) {
  int i = index();
  if (i >= n)
    return;
  int id = ids[i / width];
  if ((u32)id >= (u32)vocabulary) {
    *bad = tag;
    id = 0;
  }
  y[i] = w[id * width + i % width];
}

KERNEL fill(float *y, float value, int n) {
  int i = index();
  if (i < n)
    y[i] = value;
}

/* Adds rows of dy to those of dw, which is 0 before, in order of index: the first of equal ids adds up all of them. A block an id. */
KERNEL embedding_dw(float *dw, const int *ids, const float *dy, int count, int width, int vocabulary, int *bad, int tag) {
  SHARED float work[32];
  int at = block_x(), id = ids[at];
  float seen = 0.f;
  for (int i = thread_x(); i < at; i += threads_x())
    seen += ids[i] == id ? 1.f : 0.f;
  seen = block_sum(seen, work);
  if ((u32)id >= (u32)vocabulary && thread_x() == 0)
    *bad = tag;
  if (seen > 0.f || (u32)id >= (u32)vocabulary)
    return;
  for (int c = thread_x(); c < width; c += threads_x()) {
    float sum = 0.f;
    for (int i = at; i < count; i++)
      if (ids[i] == id)
        sum += dy[i * width + c];
    dw[id * width + c] = sum;
  }
}
