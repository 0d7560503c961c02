package loaders

// A memo is the scanner's memory of what a pickle put aside. Pickles number
// these values from 0 up, so they lie in chunks, which need no copying to
// grow; a pickle that numbers them otherwise has a map of its own making.
type memo struct {
	dense  [][]slot // chunks of memoChunk values, but for the last
	sparse map[uint32]slot
	length int // values in dense
}

const memoChunk = 1 << 8

// len returns how many values there are.
func (m *memo) len() int { return m.length + len(m.sparse) }

func (m *memo) get(i uint32) (slot, bool) {
	if int64(i) < int64(m.length) {
		return m.dense[i/memoChunk][i%memoChunk], true
	}
	v, ok := m.sparse[i]
	return v, ok
}

func (m *memo) set(i uint32, v slot) {
	if int64(i) < int64(m.length) {
		m.dense[i/memoChunk][i%memoChunk] = v
		return
	}
	_, known := m.sparse[i]
	if known || int64(i) > int64(m.length) {
		if m.sparse == nil {
			m.sparse = map[uint32]slot{}
		}
		m.sparse[i] = v
		return
	}
	if m.length%memoChunk == 0 {
		m.dense = append(m.dense, make([]slot, 0, memoChunk))
	}
	last := &m.dense[len(m.dense)-1]
	*last = append(*last, v)
	m.length++
}
