package pipelines

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/pipe-ml/pipe/dag/remote"
	"github.com/pipe-ml/pipe/stages"
)

// CacheSchema describes the cache block.
func CacheSchema() stages.Schema {
	s, _ := stages.SettingsSchema("cache", remote.Doc, remote.Config{}) // a test looks at the error
	return s
}

// decodeCache reads cache { ... }; its attributes are evaluated when variables are known.
func (m *module) decodeCache(b *hclsyntax.Block) hcl.Diagnostics {
	if m.parent != nil {
		return hcl.Diagnostics{mistake(b.DefRange(), "Cache in a module", "The cache is of the whole pipeline. Move the block to the pipeline's own files.")}
	}
	diags := checkLabels(b)
	if m.p.cache != nil {
		return append(diags, mistake(b.DefRange(), "Second cache block", "The cache is also declared at %s. Leave one of them out.", place(m.p.cache.DefRange())))
	}
	m.p.cache = b
	return diags
}

// evaluateCache evaluates the attributes of the cache block; without one the defaults hold.
func (p *Pipeline) evaluateCache() hcl.Diagnostics {
	if p.cache == nil {
		CacheSchema().FillSettings(&p.Cache, map[string]any{})
		return nil
	}
	diags := p.fillSettings(p.cache, CacheSchema(), &p.Cache)
	if p.Cache.URL == "" {
		return diags
	}
	if err := remote.CheckURL(p.Cache.URL); err != nil {
		d := &blockReader{block: p.cache}
		diags = append(diags, mistake(d.at("url"), "Invalid value", "url: %s", stopped(err.Error())))
	}
	return diags
}
