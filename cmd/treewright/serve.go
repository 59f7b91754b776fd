package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/spf13/pflag"

	"github.com/treewright/treewright/server"
)

func serveCommand() command {
	var listen, flatpakRepo string
	var accessLog bool
	return command{
		path: "serve", args: "REPO", minArgs: 1, maxArgs: 1,
		short: "Serve a repository over HTTP",
		long: `Serves the repository REPO to ostree and flatpak clients until it is interrupted. It answers only what clients ask for: summaries,
objects, deltas, refs and a config without anything private. Other files in the repository's folder are never handed out. Put a
web server in front of it for HTTPS.`,
		example: "treewright serve --listen 127.0.0.1:8080 repo",
		setup: func(fs *pflag.FlagSet) runFunc {
			fs.StringVar(&listen, "listen", "127.0.0.1:8080", "`ADDRESS` to listen on; port 0 takes a free one")
			fs.StringVar(&flatpakRepo, "flatpakrepo", "", "also serve this .flatpakrepo `FILE`")
			fs.BoolVar(&accessLog, "access-log", false, "a line on standard error for each request")
			return func(ctx context.Context, env *environment, args []string) error {
				opts := server.Options{Repo: args[0], FlatpakRepoFile: flatpakRepo, Clock: env.clock}
				if accessLog {
					opts.AccessLog = accessLogger(env)
				}
				return serve(ctx, env, listen, opts)
			}
		},
	}
}

func serve(ctx context.Context, env *environment, listen string, opts server.Options) (err error) {
	s, err := server.New(opts)
	if err != nil {
		return err
	}
	defer s.Close()
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("listening on %s: %w", listen, err)
	}
	url := "http://" + ln.Addr().String() + "/"
	env.printf("serving %s at %s\n", opts.Repo, url)
	if err := env.result(map[string]string{"repo": opts.Repo, "url": url}); err != nil {
		return err
	}
	if err := s.Serve(ctx, ln); err != nil {
		return fmt.Errorf("serving %s: %w", opts.Repo, err)
	}
	return nil
}

func accessLogger(env *environment) func(server.Access) {
	log := slog.New(slog.NewJSONHandler(env.stderr, nil))
	return func(a server.Access) {
		log.Info("request", "remote", a.Remote, "method", a.Method, "path", a.Path, "status", a.Status,
			"bytes", a.Bytes, "seconds", a.Duration.Seconds(), "agent", a.Agent, "ref", a.Ref)
	}
}
