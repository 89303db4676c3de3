//go:build !testclock

package noticeaction

import "time"

// now is the time that the desk lives by.
func now() time.Time { return time.Now() }
