package config

import (
	"cmp"
	"errors"
	"os"
	"path"
	"strings"

	"al.essio.dev/pkg/shellescape"

	"dvm/engine"
)

// Copy is what dvm cp is to copy: a path of this host and a path in a VM, in one direction or the other.
type Copy struct {
	VM     string
	Guest  string // as typed, and so relative to the project directory, or empty for that directory itself
	Host   string
	ToHost bool
	// Name is what the copy is called where the destination is a directory to put it into. It is a dot where the source
	// is given as `.`, `..` or `/`, and its contents are meant.
	Name string
}

// Source and Destination are the arguments as they were typed.
func (c Copy) Source() string { return c.end(c.ToHost) }

// Destination is the other one.
func (c Copy) Destination() string { return c.end(!c.ToHost) }

func (c Copy) end(guest bool) string {
	if guest {
		return c.VM + ":" + c.Guest
	}
	return c.Host
}

// ParseCopy reads the two arguments of cp. As for scp, a colon before the first slash makes VM:path of an argument. The
// error is a Problems, with advice.
func ParseCopy(source, destination string) (Copy, error) {
	sourceVM, sourcePath, fromGuest := splitVM(source)
	destinationVM, destinationPath, toGuest := splitVM(destination)
	refuse := func(text string) error { return Problems{{Where: "cp", Err: errors.New(text)}} }
	quoted := shellescape.QuoteCommand
	switch {
	case fromGuest && toGuest && sourceVM == destinationVM:
		return Copy{}, engine.Advise(refuse("copies between this host and a VM, not within a VM"),
			"dvm ssh %s", quoted([]string{sourceVM, "cp", "-a", "--", cmp.Or(sourcePath, "."), cmp.Or(destinationPath, ".")}))
	case fromGuest && toGuest:
		err := refuse("copies between this host and a VM, not from one VM to another")
		if _, lookErr := os.Lstat(source); lookErr == nil {
			return Copy{}, engine.Advise(err, "for the file of this host: dvm cp %s", quoted([]string{"./" + source, destination}))
		}
		between := "./" + copyName(sourcePath, sourceVM)
		return Copy{}, engine.Advise(err, "dvm cp %s && dvm cp %s", quoted([]string{source, between}), quoted([]string{between, destination}))
	case !fromGuest && !toGuest:
		err := error(Problems{{Where: "cp", Err: wants("VM:path as one of its arguments", source+" "+destination)}})
		if ends := withColon(source, destination); ends != nil {
			err = engine.Advise(err, "dvm cp %s", quoted(ends))
		}
		return Copy{}, engine.Advise(err, "with the name of a VM before the colon: dvm cp %s", quoted([]string{source, "VM:" + destination}))
	case source == "" || destination == "":
		return Copy{}, refuse("wants a path of this host, got an empty one")
	case fromGuest:
		return Copy{VM: sourceVM, Guest: sourcePath, Host: destination, ToHost: true, Name: copyName(sourcePath, sourceVM)},
			checkCopyVM(sourceVM, source)
	}
	return Copy{VM: destinationVM, Guest: destinationPath, Host: source, Name: copyName(source, "")},
		checkCopyVM(destinationVM, destination)
}

// withColon gives arguments in which a VM's name has the colon that it lacks, or nil. Of two such names one is a file's.
func withColon(source, destination string) []string {
	_, missing := os.Lstat(source)
	switch {
	case VMName(destination).check() == nil:
		return []string{source, destination + ":"}
	case VMName(source).check() == nil && missing != nil:
		return []string{source + ":", destination}
	}
	return nil
}

// splitVM cuts VM:path. The colon of a path of this host comes after a slash: ./a:b.
func splitVM(argument string) (vm, path string, found bool) {
	vm, path, found = strings.Cut(argument, ":")
	if !found || strings.Contains(vm, "/") {
		return "", argument, false
	}
	return vm, path, true
}

func checkCopyVM(vm, argument string) error {
	if err := VMName(vm).check(); err != nil {
		return engine.Advise(Problems{{Where: "cp", Err: err}}, "for a file of this host: %s", shellescape.Quote("./"+argument))
	}
	return nil
}

// copyName is the last component of a path. Of an empty one in a VM, which is the project directory, it is the VM's name.
func copyName(source, vm string) string {
	switch name := path.Base(source); {
	case source == "":
		return vm
	case name == "~" && vm != "":
		return "home"
	case name == "..", name == "/":
		return "."
	default:
		return name
	}
}
