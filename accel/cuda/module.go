//go:build nvidia

package cuda

import (
	"embed"
	"fmt"
	"regexp"
	"sync"

	"gorgonia.org/cu"

	"github.com/pipe-ml/pipe/accel/cuda/drv"
)

//go:embed kernels/*.ptx
var ptx embed.FS

// source is where a function of the kernels is, and the types of its parameters as PTX names them: u64, u32 or f32.
type source struct {
	file   string
	params []string
}

var (
	entryPTX = regexp.MustCompile(`\.entry (\w+)\(([^)]*)\)`)
	paramPTX = regexp.MustCompile(`\.param \.(\w+)`)
)

// sources are the functions of all files.
var sources = sync.OnceValues(func() (map[string]source, error) {
	files, err := ptx.ReadDir("kernels")
	if err != nil {
		return nil, err
	}
	all := map[string]source{}
	for _, f := range files {
		text, err := ptx.ReadFile("kernels/" + f.Name())
		if err != nil {
			return nil, err
		}
		for _, m := range entryPTX.FindAllSubmatch(text, -1) {
			name := string(m[1])
			if other, ok := all[name]; ok {
				return nil, fmt.Errorf("function %s is in %s and %s", name, other.file, f.Name())
			}
			s := source{file: f.Name()}
			for _, p := range paramPTX.FindAllSubmatch(m[2], -1) {
				s.params = append(s.params, string(p[1]))
			}
			all[name] = s
		}
	}
	return all, nil
})

// find is the source of a function.
func find(function string) (source, error) {
	all, err := sources()
	if err != nil {
		return source{}, err
	}
	s, ok := all[function]
	if !ok {
		return source{}, fmt.Errorf("no file of kernels has the function %s", function)
	}
	return s, nil
}

// functions are what a device has loaded. A file is compiled by the driver when one of its functions is first asked for.
type functions struct {
	modules map[string]cu.Module
	byName  map[string]cu.Function
}

// get finds a function of a file of kernels, on the worker.
func (f *functions) get(name, file string) (cu.Function, error) {
	if fn, ok := f.byName[name]; ok {
		return fn, nil
	}
	module, ok := f.modules[file]
	if !ok {
		text, err := ptx.ReadFile("kernels/" + file)
		if err != nil {
			return cu.Function{}, err
		}
		if module, err = cu.LoadData(string(text)); err != nil {
			return cu.Function{}, fmt.Errorf("the driver does not take %s: %w", file, drv.Explain(err))
		}
		if f.modules == nil {
			f.modules, f.byName = map[string]cu.Module{}, map[string]cu.Function{}
		}
		f.modules[file] = module
	}
	fn, err := module.Function(name)
	if err != nil {
		return fn, fmt.Errorf("%s in %s: %w", name, file, drv.Explain(err))
	}
	f.byName[name] = fn
	return fn, nil
}

// unload frees the modules.
func (f *functions) unload() {
	for _, m := range f.modules {
		_ = m.Unload()
	}
}
