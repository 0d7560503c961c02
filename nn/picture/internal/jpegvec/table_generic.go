//go:build !amd64 || purego

package jpegvec

// Tiers returns every tier, the fastest first; the last is portable Go.
func Tiers() []Tier { return []Tier{portable()} }
