package noticeaction

import (
	"slices"
	"strings"

	"github.com/coredns/caddy"

	"github.com/coredns-na/coredns-na/plugin/noticeaction/api"
)

func readAdmin(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) > 0, "admin", "unix:PATH or HOST:PORT"); err != nil {
		return err
	}
	for _, arg := range args {
		if path, ok := strings.CutPrefix(arg, "unix:"); ok && path != "" {
			arg = "unix:" + cfg.path(path)
		}
		if slices.Contains(cfg.admin, arg) {
			return c.Errf("admin: %q given twice", arg)
		}
		cfg.admin = append(cfg.admin, arg)
	}
	return nil
}

func readAdminTLS(cfg *config, c *caddy.Controller, args []string) error {
	if err := wantArgs(c, args, len(args) == 2 || len(args) == 3, "admin_tls", "CERT KEY [CLIENT_CA]"); err != nil {
		return err
	}
	files := []string{"", "", ""}
	for i, arg := range args {
		files[i] = cfg.path(arg)
	}
	tlsConfig, err := api.TLSConfig(files[0], files[1], files[2])
	if err != nil {
		return c.Err(err.Error())
	}
	cfg.tlsFiles, cfg.tlsConfig = strings.Join(files, "\n"), tlsConfig
	return nil
}

func readTokens(cfg *config, c *caddy.Controller, args []string) error {
	if err := cfg.readPath(c, args, "tokens", &cfg.tokensFile); err != nil {
		return err
	}
	tokens, err := api.ParseTokens(cfg.tokensFile)
	if err != nil {
		return c.Err(err.Error())
	}
	cfg.tokens = tokens
	return nil
}

// checkAdmin checks the lines about the admin API against each other.
func (cfg *config) checkAdmin() error {
	for _, addr := range cfg.admin {
		if err := api.CheckAddress(addr, cfg.tlsConfig != nil, cfg.tokens != nil); err != nil {
			return err
		}
	}
	return nil
}
