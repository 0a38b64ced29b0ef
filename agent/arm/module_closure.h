// Which kernel modules the capture image needs to reach the candidates' disks, in load order.
#pragma once

#include <string>
#include <vector>

#include "proto/error.h"

namespace lastword {

// Names of the modules whose drivers serve a disk ("sda") and everything above it up to its bus,
// nearest first, from the driver links below `sysfs` ("/sys"). Drivers that are built into the
// kernel have no module and are left out. kUnsupported: no hardware driver is found above the disk,
// so it is reached by software that a capture image does not bring up (iSCSI, for one). kNotFound:
// there is no such disk.
[[nodiscard]] Result<std::vector<std::string>> driver_modules_of(const std::string& sysfs,
                                                                 const std::string& disk);

struct KernelModule {
  std::string path;
  std::string options = {};  // parameters as finit_module(2) takes them; empty: none
  friend bool operator==(const KernelModule&, const KernelModule&) = default;
};

// The modules with everything they need, in the order in which modprobe(8) loads them. Names may be
// aliases. What is built in is left out.
//
// `modules_directory` is "/lib/modules/RELEASE", indexed by depmod(8). `configuration` are the
// directories of modprobe.d(5); empty: those of this system. Options, aliases and soft dependencies
// in them count, and so do the module options on the running kernel's command line. `blacklist` and
// `install` do not count: they keep a module out of a running system, but here a disk needs it.
//
// Soft dependencies come along where their files exist. kNotFound: a module, which the error names,
// is neither a file nor built in; or the directory has no index. kIo: the configuration cannot be
// read.
[[nodiscard]] Result<std::vector<KernelModule>> close_modules(
    const std::string& modules_directory, const std::vector<std::string>& names,
    const std::vector<std::string>& configuration = {});

}  // namespace lastword
