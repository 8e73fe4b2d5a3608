package steps

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"dvm/config"
	"dvm/engine/lima"
)

// drift is how an instance's configuration differs from what the variables ask for. What they don't say is as it should be.
type drift struct {
	have, want lima.Forwards
	sizes      []sizeDrift
}

// sizeDrift is one size that differs from the variable that is set for it.
type sizeDrift struct {
	name     string // CPUs, memory or disk
	variable string
	from, to string
	shrinks  bool // which a disk can't
	set      func(*lima.Edit)
}

// String is `CPUs 2, and DVM_CPUS wants 4`.
func (s sizeDrift) String() string {
	return fmt.Sprintf("%s %s, and %s wants %s", s.name, s.from, s.variable, s.to)
}

// compare holds an instance against the variables of its VM.
func compare(vm config.VM, found *lima.Instance, have lima.Forwards) drift {
	return drift{have: have, want: wantedForwards(vm, have), sizes: sizesOf(vm, found)}
}

// sizesOf lists the sizes of an instance that differ from variables that are set.
func sizesOf(vm config.VM, found *lima.Instance) (sizes []sizeDrift) {
	if vm.Given.CPUs != "" && vm.CPUs != found.CPUs {
		sizes = append(sizes, sizeDrift{name: "CPUs", variable: vm.Given.CPUs, from: fmt.Sprint(found.CPUs), to: fmt.Sprint(vm.CPUs),
			set: func(e *lima.Edit) { e.CPUs = vm.CPUs }})
	}
	if memory := config.InGiB(found.Memory); vm.Given.Memory != "" && differs(vm.Memory, memory) {
		sizes = append(sizes, sizeDrift{name: "memory", variable: vm.Given.Memory, from: memory.String() + " GiB", to: vm.Memory.String() + " GiB",
			set: func(e *lima.Edit) { e.MemoryGiB = vm.Memory.String() }})
	}
	if disk := config.InGiB(found.Disk); vm.Given.Disk != "" && differs(vm.Disk, disk) {
		sizes = append(sizes, sizeDrift{name: "disk", variable: vm.Given.Disk, from: disk.String() + " GiB", to: vm.Disk.String() + " GiB", shrinks: vm.Disk < disk,
			set: func(e *lima.Edit) { e.DiskGiB = vm.Disk.String() }})
	}
	return sizes
}

// Differences says how the sizes of an instance differ from variables that are set for it.
func Differences(vm config.VM, found *lima.Instance) (texts []string) {
	for _, size := range sizesOf(vm, found) {
		texts = append(texts, size.String())
	}
	return texts
}

// containerdOf is what an instance has, as DVM_CONTAINERD says it.
func containerdOf(config *lima.Config) string {
	has := config.Containerd
	switch {
	case has.User && has.System:
		return "user+system"
	case has.User:
		return "user"
	case has.System:
		return "system"
	}
	return "none"
}

// differs passes over what is lost where Lima writes a size down.
func differs(a, b config.GiB) bool { return math.Abs(float64(a-b)) > 1.0/1024 }

// wantedForwards is what an instance with these rules is to have.
func wantedForwards(vm config.VM, have lima.Forwards) lima.Forwards {
	want := have
	if vm.Ports != nil {
		want.Pairs = nil
		for _, pair := range vm.Ports {
			want.Pairs = append(want.Pairs, lima.Pair(pair))
		}
	}
	if vm.PortsOnly != nil {
		want.Only = *vm.PortsOnly
	}
	return want
}

// added and removed are the pairs that make a difference.
func (d drift) added() []lima.Pair   { return without(d.want.Pairs, d.have.Pairs) }
func (d drift) removed() []lima.Pair { return without(d.have.Pairs, d.want.Pairs) }

// reordered are the pairs that are to come before another of the same port of the guest, and don't: Lima takes the first. Any other
// order makes no difference.
func (d drift) reordered() (pairs []lima.Pair) {
	have, want := firsts(d.have.Pairs), firsts(d.want.Pairs)
	for _, pair := range d.want.Pairs {
		before, found := have[pair.Guest]
		if found && want[pair.Guest] == pair && before != pair && slices.Contains(d.want.Pairs, before) {
			pairs = append(pairs, pair)
		}
	}
	return pairs
}

// firsts are the pairs that Lima takes for each port of the guest.
func firsts(pairs []lima.Pair) map[int]lima.Pair {
	first := map[int]lima.Pair{}
	for _, pair := range pairs {
		if _, taken := first[pair.Guest]; !taken {
			first[pair.Guest] = pair
		}
	}
	return first
}

func (d drift) portsDiffer() bool {
	return len(d.added())+len(d.removed())+len(d.reordered()) > 0 || d.have.Only != d.want.Only
}

// resized are the sizes that can be brought to what is asked for.
func (d drift) resized() (sizes []sizeDrift) {
	for _, size := range d.sizes {
		if !size.shrinks {
			sizes = append(sizes, size)
		}
	}
	return sizes
}

// edit is what brings a stopped instance to what is asked for; its sizes only where that may be.
func (d drift) edit(resize bool) (edit lima.Edit, changes bool) {
	if d.portsDiffer() {
		edit.Forwards = &d.want
		changes = true
	}
	if resize {
		for _, size := range d.resized() {
			size.set(&edit)
			changes = true
		}
	}
	return edit, changes
}

// from and to are the two sides of the edit, in words.
func (d drift) from(resize bool) string {
	return d.side(resize, d.have, func(s sizeDrift) string { return s.from })
}
func (d drift) to(resize bool) string {
	return d.side(resize, d.want, func(s sizeDrift) string { return s.to })
}

func (d drift) side(resize bool, forwards lima.Forwards, of func(sizeDrift) string) string {
	var words []string
	if d.portsDiffer() {
		words = append(words, "ports "+inWords(forwards))
	}
	if resize {
		for _, size := range d.resized() {
			words = append(words, size.name+" "+of(size))
		}
	}
	return strings.Join(words, ", ")
}

func inWords(f lima.Forwards) string {
	text := listed(f.Pairs)
	if f.Only {
		text += " and no others"
	}
	return text
}

func listed(pairs []lima.Pair) string {
	if len(pairs) == 0 {
		return "none"
	}
	words := make([]string, len(pairs))
	for i, pair := range pairs {
		words[i] = pair.String()
	}
	return strings.Join(words, " ")
}

func without(pairs, others []lima.Pair) (left []lima.Pair) {
	for _, pair := range pairs {
		if !slices.Contains(others, pair) {
			left = append(left, pair)
		}
	}
	return left
}
