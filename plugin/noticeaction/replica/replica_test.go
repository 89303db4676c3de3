package replica

import (
	"testing"
)

// TestFollow is the main job: what the desk commits is what followers answer by, generation by generation.
func TestFollow(t *testing.T) {
	n, d := newNetwork(t, 1), newDesk()
	d.commit(flagged("example.be", "glue.be")...)
	p := n.publish(d)
	f := n.follow("one")
	f.reaches(t, 1)
	f.holdsAll(t, d)

	g := d.commit(append(flagged("third.be"), lifted("glue.be")...)...)
	p.Committed()
	f.reaches(t, g)
	f.holdsAll(t, d)
	if f.redirects("glue.be") {
		t.Error("redirects a name that was lifted")
	}

	// the last name goes too: the desk accounts for it
	g = d.commit(lifted("example.be", "third.be")...)
	p.Committed()
	f.reaches(t, g)
	f.holdsAll(t, d)

	await(t, "report", func() bool {
		nodes := p.Fleet().Nodes()
		return len(nodes) == 1 && nodes[0].Generation == g && nodes[0].Digest == d.digest.String()
	})
	await(t, "reach", func() bool { r, ok := p.Fleet().Reached(g); return ok && r.Nodes == 1 })
}
