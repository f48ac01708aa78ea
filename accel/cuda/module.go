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

// sources maps each function of the kernels to the file that holds it.
var sources = sync.OnceValues(func() (map[string]string, error) {
	files, err := ptx.ReadDir("kernels")
	if err != nil {
		return nil, err
	}
	in := map[string]string{}
	entry := regexp.MustCompile(`\.entry (\w+)\(`)
	for _, f := range files {
		text, err := ptx.ReadFile("kernels/" + f.Name())
		if err != nil {
			return nil, err
		}
		for _, m := range entry.FindAllSubmatch(text, -1) {
			name := string(m[1])
			if other, ok := in[name]; ok {
				return nil, fmt.Errorf("function %s is in %s and %s", name, other, f.Name())
			}
			in[name] = f.Name()
		}
	}
	return in, nil
})

// functions are what a device has loaded. A file is compiled by the driver when one of its functions is first asked for.
type functions struct {
	modules map[string]cu.Module
	byName  map[string]cu.Function
}

// get finds a function of the kernels, on the worker.
func (f *functions) get(name string) (cu.Function, error) {
	if fn, ok := f.byName[name]; ok {
		return fn, nil
	}
	in, err := sources()
	if err != nil {
		return cu.Function{}, err
	}
	file, ok := in[name]
	if !ok {
		return cu.Function{}, fmt.Errorf("no file of kernels has the function %s", name)
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
