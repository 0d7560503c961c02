package beamio

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/argand-go/argand/tensor"
)

// remoteModel is a loaded [Remote].
type remoteModel[E, P any] struct {
	*Remote[E, P]
	client *remoteClient
}

// encode returns the inputs for an example. What the protocol cannot say must not
// fail the examples that it would be sent with.
func (m *remoteModel[E, P]) encode(ctx context.Context, e E) ([]RemoteTensor, error) {
	inputs, err := m.Codec.Encode(ctx, e)
	if err == nil && len(inputs) == 0 {
		err = errors.New("no inputs")
	}
	if err != nil {
		return nil, err
	}
	for _, t := range inputs {
		if _, err := wireInputOf(t); err != nil {
			return nil, fmt.Errorf("input %q: %w", t.Name, err)
		}
	}
	return inputs, nil
}

// predict sends a batch in as many requests as it has kinds of inputs.
func (m *remoteModel[E, P]) predict(ctx context.Context, batch [][]RemoteTensor) ([]P, error) {
	out, errs := make([]P, len(batch)), make(ExampleErrors, len(batch))
	for _, group := range m.groups(batch) {
		answers, err := m.ask(ctx, batch, group)
		switch {
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case err != nil && !isFinal(err) && len(group) > 1:
			return nil, err // each is asked for alone
		}
		for k, i := range group {
			if errs[i] = err; err != nil {
				continue
			}
			p, err := guarded(func() (P, error) { return m.Codec.Decode(ctx, answers[k]) })
			if out[i] = p; err != nil {
				stage, cause := stageOf(err, StagePostprocess)
				errs[i] = &StageError{stage, cause}
			}
		}
	}
	if len(errs.Unwrap()) > 0 {
		return out, errs
	}
	return out, nil
}

// isFinal reports whether a request failed for no fault of its examples, so that
// asking for each alone would be of no use and cost the server more.
func isFinal(err error) bool {
	e, ok := errors.AsType[*RemoteError](err)
	return ok && (e.Status == 0 && !isPermanent(e.Err) || retryable(e.Status))
}

// groups returns the examples that can be in one request, by their numbers.
func (m *remoteModel[E, P]) groups(batch [][]RemoteTensor) [][]int {
	var out [][]int
	at := make(map[string]int)
	for i, inputs := range batch {
		kind := fmt.Sprint(i)
		if !m.Unbatched {
			kind = kindOf(inputs)
		}
		k, ok := at[kind]
		if !ok {
			k = len(out)
			at[kind] = k
			out = append(out, nil)
		}
		out[k] = append(out[k], i)
	}
	return out
}

// kindOf returns the names, types and shapes of inputs.
func kindOf(inputs []RemoteTensor) string {
	var b strings.Builder
	for _, t := range inputs {
		if t.Value != nil {
			fmt.Fprintf(&b, "%q %v;", t.Name, t.Value)
		} else {
			fmt.Fprintf(&b, "%q %v;", t.Name, t.Shape)
		}
	}
	return b.String()
}

// ask sends one request, for the examples of a group, and returns the outputs of
// each.
func (m *remoteModel[E, P]) ask(ctx context.Context, batch [][]RemoteTensor, group []int) ([][]RemoteTensor, error) {
	inputs := batch[group[0]]
	if !m.Unbatched {
		var err error
		if inputs, err = stack(batch, group); err != nil {
			return nil, err
		}
	}
	body, header, err := encodeRequest(inputs, m.Outputs, m.TextOnly)
	if err != nil {
		return nil, err
	}
	answer, header, err := m.client.infer(ctx, body, header, !m.TextOnly)
	if err != nil {
		return nil, err
	}
	wrong := func(err error) error { return &ProtocolError{m.client.inferURL(), err} }
	outputs, err := decodeAnswer(answer, header)
	if err != nil {
		return nil, wrong(err)
	}
	if outputs, err = wanted(outputs, m.Outputs); err != nil {
		return nil, wrong(err)
	}
	if m.Unbatched {
		return [][]RemoteTensor{outputs}, nil
	}
	split, err := unstack(outputs, len(group))
	if err != nil {
		return nil, wrong(err)
	}
	return split, nil
}

// stack joins the inputs of a group, which are of one kind, along a new first axis.
func stack(batch [][]RemoteTensor, group []int) ([]RemoteTensor, error) {
	out := make([]RemoteTensor, len(batch[group[0]]))
	for k, first := range batch[group[0]] {
		out[k].Name = first.Name
		if first.Value == nil {
			out[k].Shape = append(tensor.Shape{len(group)}, first.Shape...)
			for _, i := range group {
				out[k].Bytes = append(out[k].Bytes, batch[i][k].Bytes...)
			}
			continue
		}
		all, err := tensor.New(first.Value.DType(), append([]int{len(group)}, first.Value.Shape()...)...)
		if err != nil {
			return nil, err
		}
		rest := all.Bytes()
		for _, i := range group {
			rest = rest[copy(rest, batch[i][k].Value.Bytes()):]
		}
		out[k].Value = all
	}
	return out, nil
}

// unstack returns the outputs of each of n examples.
func unstack(outputs []RemoteTensor, n int) ([][]RemoteTensor, error) {
	out := make([][]RemoteTensor, n)
	for _, t := range outputs {
		shape := t.Shape
		if t.Value != nil {
			shape = t.Value.Shape()
		}
		if len(shape) == 0 || shape[0] != n {
			return nil, fmt.Errorf("output %q of shape %v for %d examples", t.Name, shape, n)
		}
		each := shape[1:].Len()
		for i := range n {
			one := RemoteTensor{Name: t.Name}
			if t.Value == nil {
				one.Shape, one.Bytes = shape[1:], t.Bytes[i*each:(i+1)*each:(i+1)*each]
			} else {
				var err error
				if one.Value, err = t.Value.Index(i); err != nil {
					return nil, err
				}
			}
			out[i] = append(out[i], one)
		}
	}
	return out, nil
}

// wanted returns the outputs of the given names, or all if there are none.
func wanted(outputs []RemoteTensor, names []string) ([]RemoteTensor, error) {
	by := make(map[string]RemoteTensor)
	for _, t := range outputs {
		if _, twice := by[t.Name]; twice {
			return nil, fmt.Errorf("two outputs %q", t.Name)
		}
		by[t.Name] = t
	}
	if len(names) == 0 {
		return outputs, nil
	}
	var out []RemoteTensor
	for _, name := range names {
		t, ok := by[name]
		if !ok {
			return nil, fmt.Errorf("no output %q", name)
		}
		out = append(out, t)
	}
	return out, nil
}
