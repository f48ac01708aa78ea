# The default build and tests need Go alone: no C compiler, no Python, no GPU.
export CGO_ENABLED := 0

GOLANGCI_LINT := go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.12.2
PARITY_VENV   ?= $(CURDIR)/.cache/parity
PARITY_PYTHON := $(PARITY_VENV)/bin/python
PARITY_READY  := $(PARITY_VENV)/requirements.txt
STUDY         := pipelines/chestxray.hcl

# What -tags nvidia needs beside Go: gcc, our own cuda.h, and a libcuda.a that finds the driver when it is asked for (package drv).
CUDA     := $(CURDIR)/.cache/cuda
DRV      := accel/cuda/drv
GO_CUDA  := CGO_ENABLED=1 CGO_CFLAGS="-O2 -w -I$(CURDIR)/$(DRV)/include" CGO_LDFLAGS="-L$(CUDA)" go
CLANG    ?= clang-16
KERNELS  ?= accel/cuda/kernels
STRICT   ?= -Wall -Werror
PTX       = $(CLANG) -x cuda --cuda-device-only -Xclang -target-feature -Xclang +ptx70 -nocudainc -nocudalib -O3 -ffp-contract=fast $(STRICT) -S

QEMU     := qemu-aarch64-static
ON_ARM64 := GOARCH=arm64 go test -count=1 -timeout 30m $(if $(filter aarch64 arm64,$(shell uname -m)),,-exec $(QEMU))

# A cache of its own, for the linters remember where a file was: a second checkout would report what the first one, gone since, held.
export GOLANGCI_LINT_CACHE := $(CURDIR)/.cache/golangci-lint

.PHONY: build test test-arm64 test-faults test-slurm parity parity-fixtures parity-augment parity-schedulers parity-metrics parity-mutants lint fmt fmt-check generate demo bench bench-nn bench-engine cuda fakecuda test-cuda test-cuda-mutants test-fakecuda gpu-check ptx ptxas clean

build: ## the binary, ./pipe
	go build -o pipe ./cmd/pipe

test-slurm: ## the executor on a real Slurm of two nodes, which is installed and started here; as root, on Debian
	dag/slurm/testdata/cluster.sh go test -tags slurm -count 1 -p 1 -run Cluster ./dag/slurm ./cmd/pipe

test: ## every test, on any machine with Go
	go test ./...
	go test -tags portable ./dag ./dag/executortest # workers as on systems that are not Linux

test-faults: ## a study that is killed, damaged and starved of disk some 300 times, of it by kill -9 at 200 instants and more; it prints its seed
	PIPE_FAULT_ROUNDS=300 go test -count=1 -timeout 20m -v -run TestFaults ./cmd/pipe

test-arm64: ## the bits of stages and of what they compute with, on an arm64 processor or under qemu, which it installs where it can (5 minutes)
	test -z "$(findstring -exec,$(ON_ARM64))" || command -v $(QEMU) >/dev/null || apt-get install -y --no-install-recommends qemu-user-static
	$(ON_ARM64) ./accel/elementary ./nn/linalg ./nn/metric ./stages/phantom
	$(ON_ARM64) -run '^TestStagesGiveTheirGoldenBytes$$' ./stages -part

parity: $(PARITY_READY) ## networks of real size against torchvision, timm, diffusers and transformers; CASES="vit resnet/resnet50" for some
	go run ./nn/parity -python $(PARITY_PYTHON) $(CASES)

parity-fixtures: $(PARITY_READY) ## the small cases that make test compares, written anew; FAMILIES="vit" for some
	$(PARITY_PYTHON) nn/parity fixtures nn/model/testdata/parity $(FAMILIES)
	PYTHONHASHSEED=0 $(PARITY_PYTHON) nn/parity write-adapters nn/parity/testdata/adapters

parity-augment: $(PARITY_READY) ## what torchvision makes of small images, written anew for the tests
	$(PARITY_PYTHON) nn/augment/testdata/fixture.py

parity-schedulers: $(PARITY_PYTHON) ## where diffusers' schedulers go in ten steps, written anew for the tests
	$(PARITY_PYTHON) nn/diffusion/testdata/schedulers.py

parity-metrics: $(PARITY_PYTHON) ## what scikit-learn, torchmetrics and others make of small sets, written anew for the tests
	$(PARITY_PYTHON) -m pip install --quiet -r nn/metric/testdata/requirements.txt
	$(PARITY_PYTHON) nn/metric/testdata/reference.py

parity-mutants: ## which fixture catches which mistake
	go test -count=1 -v -run "Mutant|IsCaught" ./nn/parity

$(PARITY_READY): nn/parity/requirements.txt
	test -x $(PARITY_PYTHON) || python3 -m venv $(PARITY_VENV)
	$(PARITY_PYTHON) -m pip install --quiet -r $<
	cp $< $@

# Where arm64 may fuse a product into a sum: the product is exact (of two float32, or by a power of two), or it is a reference's.
REFERENCES := nn/op/(activation|attention|batch_norm|bce_with_logits|conv2d|cross_entropy|group_norm|layer_norm|linear|over_norm|upsample_bilinear2d)|nn/op/optest/(instance|row|rows_optimizer|run)
MAY_FUSE := /($(REFERENCES)|accel/cpu/(fma|optimizer|over_norm)|accel/cuda/internal/roofline/(attention|cases|product)|nn/layer/merge|nn/metric/(classification|ssim)|nn/parity/weights|nn/peft/(dora|lite_residual)|stages/chart/chart|cmd/pipe/internal/view/(layout|svg))\.go:

lint: $(CUDA)/libcuda.a ## vet, the linters of .golangci.yml, with CUDA too (needs gcc), and no fused multiply-add that changes bits on arm64
	go vet ./...
	GOARCH=arm64 go vet ./...
	! GOARCH=arm64 go build -gcflags=-S ./... 2>&1 | grep -E 'FN?M(ADD|SUB)[SD]' | grep -oE '$(CURDIR)/[^)]*' | sort -u | grep -vE '$(MAY_FUSE)'
	GOOS=darwin go vet ./...
	GOOS=freebsd go vet ./...
	$(GOLANGCI_LINT) run ./...
	$(GO_CUDA) vet -tags nvidia ./...
	$(GO_CUDA:go=$(GOLANGCI_LINT)) run --build-tags 'nvidia mutants' ./...

fmt: ## format Go and HCL in place
	gofmt -w -s $$(git ls-files '*.go')
	go run ./cmd/pipe fmt pipelines/*.hcl

fmt-check:
	@test -z "$$(gofmt -l -s $$(git ls-files '*.go'))" || { gofmt -l -s $$(git ls-files '*.go'); exit 1; }
	go run ./cmd/pipe fmt -check pipelines/*.hcl

generate: ## the assembly, from its generators
	go generate ./accel/...

cuda: $(CUDA)/libcuda.a ## the binary with the GPU stages, ./pipe; needs gcc, and runs with and without an NVIDIA driver
	rm -f pipe # Go does not see a change of libcuda.a
	$(GO_CUDA) build -tags nvidia -o pipe ./cmd/pipe

test-cuda: $(CUDA)/libcuda.a fakecuda ## the device, every operator and whole fine-tunes on a double of the driver; needs gcc and no GPU
	LD_LIBRARY_PATH=$(CUDA)/double $(GO_CUDA) test -tags nvidia -count=1 -run CUDA ./nn/op/optest
	LD_LIBRARY_PATH=$(CUDA)/double:$(CUDA)/blas $(GO_CUDA) test -tags nvidia -count=1 -run CUDA ./nn/op/optest
	LD_LIBRARY_PATH=$(CUDA)/double:$(CUDA)/blas $(GO_CUDA) test -tags nvidia -count=1 ./accel/cuda/...
	LD_LIBRARY_PATH=$(CUDA)/double $(GO_CUDA) test -tags nvidia -count=1 -run Card ./nn/train ./nn/diffusion
	LD_LIBRARY_PATH=$(CUDA)/double:$(CUDA)/blas $(GO_CUDA) test -tags nvidia -count=1 -run CardScripts ./cmd/pipe

gpu-check: $(CUDA)/libcuda.a ## on a machine with a card: the same tests on it, then times against its peaks and PyTorch's; needs gcc
	$(GO_CUDA) run -tags nvidia ./accel/cuda/internal/gpucheck -look
	$(GO_CUDA) test -tags nvidia -count=1 -timeout 20m -run CUDA ./nn/op/optest
	$(GO_CUDA) test -tags nvidia -count=1 ./accel/cuda/...
	$(GO_CUDA) test -tags nvidia -count=1 -run Card ./nn/train ./nn/diffusion
	$(GO_CUDA) run -tags nvidia ./accel/cuda/internal/gpucheck

test-cuda-mutants: $(CUDA)/libcuda.a fakecuda ## kernels with a mistake in each, which the operators' rows must notice
	LD_LIBRARY_PATH=$(CUDA)/double $(GO_CUDA) test -tags 'nvidia mutants' -count=1 -v -timeout 30m -run EveryMutant ./nn/op/optest

ptxas: ## NVIDIA's assembler on all kernels, for sm_70 to sm_90, from Debian's non-free packages; HEADER=1 compares cuda.h too (774 MB)
	accel/cuda/kernels/ptxas.sh

ptx: ## the kernels, compiled anew with clang 16, which it installs where it can
	command -v $(CLANG) >/dev/null || apt-get install -y --no-install-recommends clang-16
	cd $(KERNELS) && for f in *.cu; do \
	  $(PTX) --cuda-gpu-arch=sm_70 -o $${f%.cu}.ptx $$f || exit 1; \
	  ! grep -q tile.h $$f || $(PTX) --cuda-gpu-arch=sm_80 -DBF16 -o $${f%.cu}_bf16.ptx $$f || exit 1; \
	done

$(CUDA)/libcuda.a: $(wildcard $(DRV)/trampolines/* $(DRV)/include/*)
	mkdir -p $(CUDA)
	command -v gcc >/dev/null || apt-get install -y --no-install-recommends gcc libc6-dev
	gcc -O2 -Wall -Werror -fPIC -fvisibility=hidden -I$(DRV)/include -c $(DRV)/trampolines/load.c -o $(CUDA)/load.o
	ar rcs $@ $(CUDA)/load.o

fakecuda: ## doubles of libcuda.so.1 and libcublas.so.12, in .cache/cuda; needs gcc
	$(MAKE) -C accel/cuda/internal/fakecuda

test-fakecuda: fakecuda ## the doubles' own tests; installs gcc and clang-16 where it can
	$(MAKE) -C accel/cuda/internal/fakecuda test

demo: ## the main job: the whole study on generated radiographs
	go run ./cmd/pipe apply $(STUDY)

bench: ## kernels and engine, in Go's benchmark format
	go test -run '^$$' -bench . -benchtime 1s ./accel/cpu ./nn/... ./dag

bench-nn: $(PARITY_READY) ## networks beside PyTorch on the CPU, step by step (about 3 minutes); BENCH="-cases vit_lora" for some
	go build -o .cache/bench-nn ./nn/bench
	.cache/bench-nn -python $(PARITY_PYTHON) $(BENCH)

bench-engine: ## the engine beside ninja, Snakemake and DVC, which it installs if it can, and how it grows (about 15 minutes)
	go run ./dag/bench $(BENCH)

clean:
	rm -rf pipe figures .pipe .cache
