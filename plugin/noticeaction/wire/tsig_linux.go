package wire

import "github.com/miekg/dns"

// verify checks the signature of a transaction that has one (RFC 8945).
func (s *serving) verify(packet []byte, req *dns.Msg, w *writer) {
	t := req.IsTsig()
	if t == nil {
		return
	}
	w.requestMAC = t.MAC
	if secret, ok := s.server.TsigSecret[t.Hdr.Name]; ok {
		w.tsigStatus = dns.TsigVerify(packet, secret, "", false)
		return
	}
	w.tsigStatus = dns.TsigVerifyWithProvider(packet, noSecret{}, "", false)
}

// sign packs a message that is to be signed.
func (s *serving) sign(m *dns.Msg, t *dns.TSIG, requestMAC string, timersOnly bool) ([]byte, string, error) {
	if secret, ok := s.server.TsigSecret[t.Hdr.Name]; ok {
		return dns.TsigGenerate(m, secret, requestMAC, timersOnly)
	}
	return dns.TsigGenerateWithProvider(m, noSecret{}, requestMAC, timersOnly)
}

// noSecret stands for a key that is not known.
type noSecret struct{}

func (noSecret) Generate([]byte, *dns.TSIG) ([]byte, error) { return nil, dns.ErrSecret }
func (noSecret) Verify([]byte, *dns.TSIG) error             { return dns.ErrSecret }
