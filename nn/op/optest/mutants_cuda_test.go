//go:build nvidia && mutants

package optest

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// kernelMutant is a kernel with a mistake: in accel/cuda/kernels/FILE, is stands in the place of was.
type kernelMutant struct {
	file, was, is string
	rows          string // that should tell, of TestCUDAComputesWhatOperatorsMean
}

// mutants of all families: dropped barriers, bounds, strides, reductions, signs and constants.
var mutants = []kernelMutant{
	{"gk.h", "if (lane == 0)\n    work[warp] = v;\n  __syncthreads();\n  v = warp_sum", "if (lane == 0)\n    work[warp] = v;\n  v = warp_sum", "layer_norm"},
	{"gk.h", "v = warp_sum(lane < warps ? work[lane] : 0.f);\n  __syncthreads();", "v = warp_sum(lane < warps ? work[lane] : 0.f);", "layer_norm"},
	{"gk.h", "for (int o = 16; o > 0; o >>= 1)\n    v += ", "for (int o = 8; o > 0; o >>= 1)\n    v += ", "layer_norm|reduce"},
	{"gk.h", "  at += i % n1 * s1;\n  i /= n1;\n  if (rank == 3)", "  at += i % n1 * s2;\n  i /= n1;\n  if (rank == 3)", "permute|expand|add|reduce"},
	{"gk.h", "float p = 0x1.6a2404p-10f;", "float p = 0x1.6a2404p-6f;", "silu|cross"},
	{"elementwise.cu", "y[i] = a[i] + b[WALKED(b, i)];", "y[i] = a[i] + b[i];", "add"},
	{"elementwise.cu", "KERNEL mul(float *y, const float *a, const float *b, int n) {\n  int i = index();\n  if (i < n)", "KERNEL mul(float *y, const float *a, const float *b, int n) {\n  int i = index();\n  if (i <= n)", "mul"},
	{"activation.cu", "return x > 0.f ? dy : 0.f;", "return x >= 0.f ? dy : 0.f;", "relu"},
	{"activation.cu", "x > 0.f && x < 6.f ? dy", "x > 0.f ? dy", "relu6"},
	{"activation.cu", "dy * (x * (density * 0.3989422804014327f) + cdf)", "dy * cdf", "gelu"},
	{"activation.cu", "#define CUBIC 0.07135481627260025f", "#define CUBIC 0.0713f", "gelu_tanh"},
	{"activation.cu", "float z = 1.702f * x, s", "float z = 1.7f * x, s", "quick_gelu"},
	{"tile.h", "    __syncthreads();\n    for (int p = 0; p < DEEP; p++) {", "    for (int p = 0; p < DEEP; p++) {", "linear"},
	{"tile.h", "          sum[r][s] += x[r] * y[s];\n    }\n    __syncthreads();", "          sum[r][s] += x[r] * y[s];\n    }", "linear"},
	{"tile.h", "row + i < m && k0 + p < to ?", "row + i < m ?", "linear"},
	{"tile.h", "row + i < m && col + j < n)\n      put", "row + i < m && col + j <= n)\n      put", "linear"},
	{"gemm.cu", "return b[p * bk + j * bj];", "return b[p * bj + j * bk];", "linear"},
	{"gemm.cu", "v += bias[j];", "v += bias[i];", "linear"},
	{"gemm.cu", "if (beta != 0.f)", "if (beta < 0.f)", "conv2d_1x1"},
	{"conv2d.cu", "at / v.ow * v.sh - v.top + tap / v.kw, at % v.ow * v.sw - v.left + tap % v.kw, v.h, v.w);\n      },\n      [=](int i, int j, float sum) {\n        int out", "at / v.ow * v.sh + v.top + tap / v.kw, at % v.ow * v.sw - v.left + tap % v.kw, v.h, v.w);\n      },\n      [=](int i, int j, float sum) {\n        int out", "conv2d"},
	{"conv2d.cu", "int tap_row = (row0 + top) % sh", "int tap_row = row0 % sh", "conv2d"},
	{"conv2d.cu", "at / cols + out_row - tap / wide", "at / cols + out_row + tap / wide", "conv2d"},
	{"conv2d.cu", "min_(batch * area, (chunk + 1) * per)", "(chunk + 1) * per", "conv2d"},
	{"conv2d.cu", "bias ? sum + bias[out] : sum", "bias ? sum + bias[i] : sum", "conv2d_in"},
	{"conv2d.cu", "for (int r = (row + top) % sh; r < kh; r += sh)", "for (int r = (row + top) % sh; r < kh; r += 1)", "conv2d_depthwise"},
	{"conv2d.cu", "(image * groups * o + out) * oh * ow;\n    for", "(image * groups + out) * oh * ow;\n    for", "conv2d"},
	{"attention.cu", "by[r] = 1.f / row_sum(now.sum[r]);", "by[r] = 1.f / now.sum[r];", "attention"},
	{"attention.cu", "sum[s / 4][r][s % 4] *= by[r];", ";", "attention"},
	{"attention.cu", "j >= m || (causal && j > i) ? -__builtin_inff()", "j >= m || (causal && j >= i) ? -__builtin_inff()", "attention_causal"},
	{"attention.cu", "return causal ? min_(m, row + TILE) : m;", "return causal ? min_(m, row) : m;", "attention_causal"},
	{"attention.cu", "p * (dp - stat[1]) * scale", "p * dp * scale", "attention"},
	{"attention.cu", "int query = causal ? row : 0", "int query = causal ? row + TILE : 0", "attention_causal"},
	{"attention.cu", "w, min_(TILE, n - row)", "w, TILE", "attention"},
	{"attention.cu", "half && col + half * TILE >= w)", "half)", "attention"},
	{"layer_norm.cu", "v += (x[i] - mean) * (x[i] - mean);", "v += x[i] * x[i];", "layer_norm"},
	{"layer_norm.cu", "dx[i] = rstd * (dy[i] * gain[i] - g - (x[i] - mean) * rstd * gx);", "dx[i] = rstd * (dy[i] * gain[i] - g);", "layer_norm"},
	{"layer_norm.cu", "  biases[thread_y()][thread_x()] = b;\n  __syncthreads();", "  biases[thread_y()][thread_x()] = b;", "layer_norm"},
	{"layer_norm.cu", "for (int k = 1; k < 8; k++)", "for (int k = 1; k < 7; k++)", "layer_norm"},
	{"channel_norm.cu", "count > 1.f ? count - 1.f : 1.f", "count", "batch_norm.train"},
	{"channel_norm.cu", "gain += part[2 * (b * c + k) + 1] * STAT(b * c + k)[1];", "gain += part[2 * (b * c + k) + 1];", "group_norm|batch_norm"},
	{"channel_norm.cu", "float f = gain[g % groups * chans + k];", "float f = gain[k];", "group_norm"},
	{"channel_norm.cu", "- xhat * (packed[k] / count)", "", "batch_norm.train"},
	{"channel_norm.cu", "norm > 0.f ? m[block_x()] / norm : 0.f", "m[block_x()] / norm", "over_norm"},
	{"cross_entropy.cu", "label < 0 ? 0.f : *dloss / *count", "*dloss / *count", "cross_entropy"},
	{"cross_entropy.cu", "- smoothing / cols -", "-", "cross_entropy"},
	{"cross_entropy.cu", "losses[block_x()] = log_(sum) * mass - v;", "losses[block_x()] = log_(sum) - v;", "soft_cross_entropy"},
	{"loss.cu", "(x[i] < 0.f ? size : 0.f)", "0.f", "bce"},
	{"loss.cu", "t[i] < 0.f ? 0.f : *dloss", "*dloss", "bce"},
	{"loss.cu", "2.f * *dloss / n", "*dloss / n", "mse"},
	{"reduce.cu", "for (int r = chunk * per + thread_y(); r < end; r += 8)", "for (int r = chunk * per + thread_y(); r < end; r += 16)", "reduce|linear"},
	{"reduce.cu", "int end = min_(n, (block_x() + 1) * per);", "int end = (block_x() + 1) * per;", "sum_squares"},
	{"optimizer.cu", "(sqrt_(vi) * inv_root + eps)", "sqrt_(vi * inv_root + eps)", "adamw"},
	{"optimizer.cu", "nesterov ? mi * momentum + g : mi", "nesterov ? mi * momentum : mi", "sgd"},
	{"optimizer.cu", "a * x[i] + b * y[i];", "a * x[i] + y[i];", "blend"},
	{"pool2d.cu", "plane[at] > plane[best]", "plane[at] > 0.f", "max_pool2d"},
	{"pool2d.cu", "*hi = min_(out, (i + pad) / stride + 1);", "*hi = min_(out, (i + pad) / stride);", "(avg|max)_pool2d"},
	{"pool2d.cu", "min_(col + size, w) - max_(col, 0);", "min_(col + size, w) - col;", "avg_pool2d"},
	{"upsample.cu", "(min_(first + 1, n - 1) == k ? beyond : 0.f)", "(first + 1 == k ? beyond : 0.f)", "upsample_bilinear2d"},
	{"upsample.cu", "dy += (i / w * scale) * ow", "dy += (i / w) * ow", "upsample_nearest2d"},
	{"layout.cu", "square[r][thread_x()] = x[(row + r) * cols + col + thread_x()];\n  __syncthreads();", "square[r][thread_x()] = x[(row + r) * cols + col + thread_x()];", "permute"},
	{"layout.cu", "x += block_z() * rows * cols;", "", "permute"},
	{"layout.cu", "(u32)at < (u32)len", "at < len", "slice"},
	{"layout.cu", "y[i / len * stride + offset + i % len] = x[i];", "y[i / len * stride + i % len] = x[i];", "concat"},
	{"embedding.cu", "for (int i = at; i < count; i++)", "for (int i = at; i < at + 1; i++)", "embedding"},
	{"embedding.cu", "if (seen > 0.f || ", "if (", "embedding"},
	{"dropout.cu", "k1 += 0xBB67AE85;", "k1 += 0xBB67AE84;", "dropout"},
	{"dropout.cu", "words[j] < threshold", "words[j] <= threshold + 0x1000000", "dropout"},
}

// TestEveryMutantOfAKernelIsCaught compiles each mutant in the place of its kernels and wants the operators' rows to fail.
func TestEveryMutantOfAKernelIsCaught(t *testing.T) {
	kernels, err := filepath.Abs("../../../accel/cuda/kernels")
	if err != nil {
		t.Fatal(err)
	}
	slots := make(chan struct{}, runtime.NumCPU())
	t.Run("all", func(t *testing.T) {
		for _, m := range mutants {
			t.Run(m.file+": "+strings.Join(strings.Fields(m.is), " "), func(t *testing.T) {
				t.Parallel()
				slots <- struct{}{}
				defer func() { <-slots }()
				m.try(t, kernels)
			})
		}
	})
}

func (m kernelMutant) try(t *testing.T, kernels string) {
	dir, err := os.MkdirTemp("", "mutant") // t.TempDir has the test's name in it, of which a shell makes what it likes
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	replaced := map[string]string{}
	files, err := filepath.Glob(filepath.Join(kernels, "*.[ch]*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		header := filepath.Ext(f) == ".h"
		if !header && filepath.Ext(m.file) == ".cu" && filepath.Base(f) != m.file || !header && filepath.Ext(f) != ".cu" {
			continue // it is the same in the mutant
		}
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		if filepath.Base(f) == m.file {
			if n := strings.Count(string(text), m.was); n != 1 {
				t.Fatalf("%s holds %q %d times, a mutant needs it once", m.file, m.was, n)
			}
			text = []byte(strings.Replace(string(text), m.was, m.is, 1))
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(f)), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	make := exec.Command("make", "-s", "-C", filepath.Join(kernels, "../../.."), "ptx", "KERNELS="+dir, "STRICT=-w")
	if out, err := make.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	built, err := filepath.Glob(filepath.Join(dir, "*.ptx"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range built {
		replaced[filepath.Join(kernels, filepath.Base(f))] = f
	}
	overlay, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, overlay, 0o644); err != nil {
		t.Fatal(err)
	}
	test := exec.Command("go", "test", "-tags", "nvidia", "-count=1", "-overlay", list, "-run", fmt.Sprintf("^TestCUDAComputesWhatOperatorsMean$/^(%s)", m.rows), ".")
	test.Env = append(os.Environ(), "FAKECUDA_QUIET=1")
	out, _ := test.CombinedOutput() // it should fail: the rows tell how
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, ".go:") && strings.Contains(line, "size ") {
			t.Log("caught by", strings.TrimSpace(line))
			return
		}
	}
	t.Errorf("no row tells:\n%s", out)
}
