package noticeaction

import (
	"context"
	"strings"
	"testing"

	"github.com/coredns/coredns/plugin"
	"github.com/coredns/coredns/plugin/test"

	"github.com/miekg/dns"
)

func TestProfile(t *testing.T) {
	unsigned := signing{}
	signer := signing{signer: true}
	both := signing{signer: true, preSigned: true}
	elsewhere := signing{preSigned: true, keys: true}
	keysOnly := signing{keys: true}
	for _, tc := range []struct {
		name    string
		zone    signing
		asked   profile
		want    profile
		warning string
		refusal string
	}{
		{"auto, unsigned", unsigned, profileAuto, profileInsecure, "", ""},
		{"auto, dnssec in front", signer, profileAuto, profileSigned, "", ""},
		{"auto, signed elsewhere", elsewhere, profileAuto, profileInsecure, "signed elsewhere", ""},
		{"auto, keys without signatures", keysOnly, profileAuto, profileInsecure, "signed elsewhere", ""},
		{"auto, dnssec over a signed zone", both, profileAuto, 0, "", "signed already"},
		{"insecure, unsigned", unsigned, profileInsecure, profileInsecure, "", ""},
		{"insecure, signed elsewhere", elsewhere, profileInsecure, profileInsecure, "signed elsewhere", ""},
		{"insecure, dnssec in front", signer, profileInsecure, 0, "", `got "insecure"`},
		{"signed, dnssec in front", signer, profileSigned, profileSigned, "", ""},
		{"signed, unsigned", unsigned, profileSigned, profileSigned, "dnssec does not sign", ""},
		{"signed, dnssec over a signed zone", both, profileSigned, 0, "", "signed already"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, warning, err := tc.zone.choose(tc.asked, "be.")
			switch {
			case tc.refusal != "":
				if err == nil || !strings.Contains(err.Error(), tc.refusal) {
					t.Errorf("error %v, want %q", err, tc.refusal)
				}
			case err != nil || p != tc.want:
				t.Errorf("profile %d, error %v, want %d", p, err, tc.want)
			}
			if (tc.warning == "") != (warning == "") || !strings.Contains(warning, tc.warning) {
				t.Errorf("warning %q, want %q", warning, tc.warning)
			}
		})
	}
}

const (
	ourKey   = "be. 3600 IN DNSKEY 257 3 13 oJMRESz5E4gYzS/q6XDrvU1qMPYIjCWzJaOau8XNEZeqCYKD5ar0IRd8KqXXFJkqmVfRvMGPmM1x8fGAa2XhSA=="
	otherKey = "be. 3600 IN DNSKEY 256 3 13 GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MAnLr+Wi9xMWyQLc8NAA=="
	ourSig   = "be. 3600 IN RRSIG DNSKEY 13 1 3600 20261201000000 20261120000000 1 be. AAAA"
	soaSig   = "be. 3600 IN RRSIG SOA 13 1 3600 20261201000000 20261120000000 1 be. AAAA"
)

func TestInspect(t *testing.T) {
	// A zone by its DNSKEY and SOA answers to a query with DO.
	zone := func(keys, soa []string) plugin.HandlerFunc {
		return func(_ context.Context, w dns.ResponseWriter, r *dns.Msg) (int, error) {
			m := new(dns.Msg).SetReply(r)
			texts := keys
			if r.Question[0].Qtype == dns.TypeSOA {
				texts = soa
			}
			for _, text := range texts {
				rr, err := dns.NewRR(text)
				if err != nil {
					t.Error(err)
				}
				m.Answer = append(m.Answer, rr)
			}
			return dns.RcodeSuccess, w.WriteMsg(m)
		}
	}
	soa := test.SOA("be. 3600 IN SOA a.nsset.be. tech.nsset.be. 1 2 3 4 5").String()
	for _, tc := range []struct {
		name          string
		behind, front plugin.Handler
		want          signing
	}{
		{"unsigned", zone(nil, []string{soa}), nil, signing{}},
		{"not loaded", zone(nil, nil), nil, signing{}},
		{"keys only", zone([]string{ourKey}, []string{soa}), nil, signing{keys: true}},
		{"signed in the file", zone([]string{ourKey, ourSig}, []string{soa, soaSig}), nil, signing{keys: true, preSigned: true}},
		{"dnssec signs", zone(nil, []string{soa}), zone([]string{ourKey, ourSig}, nil), signing{signer: true}},
		{"dnssec signs, not loaded", zone(nil, nil), zone([]string{ourKey, ourSig}, nil), signing{signer: true}},
		{"dnssec signs, its key in the zone", zone([]string{ourKey}, []string{soa}), zone([]string{ourKey, ourSig}, nil), signing{signer: true, keys: true}},
		{"dnssec signs, foreign key in the zone", zone([]string{otherKey}, []string{soa}), zone([]string{ourKey, ourSig}, nil), signing{signer: true, keys: true, preSigned: true}},
		{"dnssec for another zone", zone(nil, []string{soa}), zone(nil, nil), signing{}},
		{"dnssec for another zone, signed in the file", zone([]string{ourKey, ourSig}, []string{soa, soaSig}), zone([]string{ourKey, ourSig}, nil), signing{keys: true, preSigned: true}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			v := &view{next: func() plugin.Handler { return tc.behind }}
			if got := v.inspect(context.Background(), tc.front, "be."); got != tc.want {
				t.Errorf("%+v, want %+v", got, tc.want)
			}
		})
	}
}
