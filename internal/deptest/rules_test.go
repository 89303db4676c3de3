// Package deptest keeps the import rules of the rooms: which room may import
// which, who may use the database and CoreDNS, and which rooms stay pure. It
// looks at the code that is shipped and leaves test files alone.
package deptest

const (
	module = "github.com/coredns-na/coredns-na/"
	plugin = "plugin/noticeaction"

	api       = plugin + "/api"
	authority = plugin + "/authority"
	casework  = plugin + "/casework"
	email     = plugin + "/email"
	intake    = plugin + "/intake"
	leeway    = plugin + "/leeway"
	mail      = plugin + "/mail"
	orders    = plugin + "/orders"
	page      = plugin + "/page"
	procedure = plugin + "/procedure"
	reach     = plugin + "/reach"
	redirect  = plugin + "/redirect"
	replica   = plugin + "/replica"
	store     = plugin + "/store"
	warnpage  = plugin + "/warnpage"
	certs     = warnpage + "/certs"
	wire      = plugin + "/wire"
	workday   = plugin + "/workday"

	server  = "cmd/coredns-na"
	client  = "cmd/nactl"
	version = "internal/version"

	etcdtest = "internal/etcdtest" // helpers, named for a fence
	fleet    = "internal/fleet"
)

// rooms is what each room may import of ours, itself aside. A room that is
// not here is an error; a room that is here and does not exist is not.
var rooms = map[string][]string{
	redirect:  {},
	workday:   {},
	leeway:    {},
	email:     {},
	procedure: {email, workday},
	reach:     {},
	authority: {email},
	page:      {},
	store:     {leeway, page, procedure, reach, redirect},
	casework:  {leeway, page, procedure, reach, store, redirect, workday},

	// The edges never import each other.
	api:      {casework, leeway, page, procedure, reach, store, redirect, version, workday},
	mail:     {authority, casework, email, procedure, store, version, workday},
	orders:   {casework, procedure, store, version},
	intake:   {authority, casework, email, leeway, procedure, store, version, workday},
	warnpage: {authority, page},
	certs:    {},
	replica:  {leeway, redirect},

	wire:   {redirect},
	plugin: {api, authority, casework, email, intake, mail, orders, page, procedure, reach, redirect, replica, store, warnpage, certs, wire, workday, version},

	server:  {plugin, version},
	client:  {version}, // it knows the HTTP API and nothing behind it
	version: {},
}

// helpers is the folder of packages that only tests and generators use; they
// may import each other, and no room imports them.
const helpers = "internal/"

// fences are imports that only some rooms may have. A path stands for all
// below it.
var fences = []struct {
	path string
	may  []string
}{
	{"go.etcd.io/bbolt", []string{store}},
	{"go.etcd.io/etcd", []string{replica, etcdtest, fleet}},
	{"github.com/coredns/coredns", []string{plugin, wire, server}},
	{"github.com/coredns/caddy", []string{plugin, wire, server}},
}

// pure are the rooms that have no world around them: what they need, time
// too, comes in as an argument.
var pure = []string{email, procedure, redirect, workday}

// world is what a pure room may not import. A path stands for all below it.
var world = []string{"os", "net", "context"}

// clock is what a pure room may not use of package time.
var clock = []string{"After", "AfterFunc", "NewTicker", "NewTimer", "Now", "Since", "Sleep", "Tick", "Until"}
