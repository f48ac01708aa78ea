package main

import (
	"cmp"
	"fmt"
	"os"

	"github.com/spf13/pflag"

	"github.com/pipe-ml/pipe/dag/remote"
)

// remoteVariable may give the address of a remote cache.
const remoteVariable = "PIPE_REMOTE_CACHE"

func (o *pipelineOptions) addRemoteFlag(flags *pflag.FlagSet) {
	flags.BoolVar(&o.remote, "remote", true, "use the remote cache, if there is one (cache block, or "+remoteVariable+")")
}

// remoteCache is the client of the remote cache that the pipeline or the environment names, or nil if there is none or it is
// not to be used. It takes the token out of the environment: neither stages, which may print it, nor probes, whose output is in keys, are to see it.
func remoteCache(c remote.Config, use bool) (*remote.Client, error) {
	token := os.Getenv(c.TokenEnv)
	if err := os.Unsetenv(c.TokenEnv); err != nil {
		return nil, fmt.Errorf("token_env %q: %w", c.TokenEnv, err)
	}
	if c.URL = cmp.Or(c.URL, os.Getenv(remoteVariable)); c.URL == "" || !use {
		return nil, nil
	}
	if err := remote.CheckURL(c.URL); err != nil { // of the environment: the pipeline's was looked at
		return nil, fmt.Errorf("%s: %w", remoteVariable, err)
	}
	return remote.New(c, token), nil
}
