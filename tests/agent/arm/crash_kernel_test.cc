#include "agent/arm/crash_kernel.h"

#include <boost/test/unit_test.hpp>

namespace lastword::test {

BOOST_AUTO_TEST_SUITE(crash_kernel)

BOOST_AUTO_TEST_CASE(command_line_keeps_consoles_and_drops_the_rest) {
  const std::string line = capture_command_line(
      {.command_line = "BOOT_IMAGE=/vmlinuz root=UUID=1 ro console=tty0 console=ttyS0,115200 "
                       "crashkernel=128M\n"},
      1, "loglevel=7");
  BOOST_TEST(line.starts_with("console=tty0 console=ttyS0,115200 nr_cpus=1 reset_devices "));
  BOOST_TEST(line.ends_with(" loglevel=7"));
  BOOST_TEST(line.find("crashkernel") == std::string::npos);
  BOOST_TEST(line.find("root=") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(several_processors_are_started_without_the_boot_processor) {
  BOOST_TEST(capture_command_line({.boot_apic_id = 16}, 4, "")
                 .starts_with("nr_cpus=4 disable_cpu_apicid=16 "));
  BOOST_TEST(capture_command_line({.boot_apic_id = 16}, 1, "").starts_with("nr_cpus=1 reset"));
  BOOST_TEST(capture_command_line({}, 4, "").starts_with("nr_cpus=1 reset"));
  BOOST_TEST(why_fewer_processors({.boot_apic_id = 16}, 4).empty());
  BOOST_TEST(why_fewer_processors({}, 1).empty());
  BOOST_TEST(!why_fewer_processors({}, 4).empty());
}

BOOST_AUTO_TEST_CASE(boot_processor_is_known_from_cpuinfo) {
  const std::string second = "\n\nprocessor\t: 1\nmodel\t\t: 6\ninitial apicid\t: 9\n\n";
  const auto cpuinfo = [&](const std::string& line) {
    return "processor\t: 0\nmodel\t\t: 6\napicid\t\t: 5" + line + second;
  };
  BOOST_TEST((boot_apic_id(cpuinfo("\ninitial apicid\t: 16\nfpu\t\t: yes")) == 16U));
  BOOST_TEST(!boot_apic_id(cpuinfo("")));
  BOOST_TEST(!boot_apic_id(cpuinfo("\ninitial apicid\t: x")));
  BOOST_TEST(!boot_apic_id(second.substr(2)));
}

BOOST_AUTO_TEST_CASE(load_that_is_not_permitted_says_what_forbids_it) {
  const auto says = [](const LoadRules& rules, std::string_view part) {
    return why_not_permitted(rules).find(part) != std::string::npos;
  };
  for (const std::string mode : {"integrity", "confidentiality"}) {
    std::string modes = "none integrity confidentiality\n";
    modes.replace(modes.find(mode), mode.size(), "[" + mode + "]");
    BOOST_TEST(says({.lockdown = modes}, "locked down (" + mode + ")"));
    BOOST_TEST(says({.lockdown = modes}, "signed kernel"));
    BOOST_TEST(says({.is_root = false, .lockdown = modes}, "run as root"));
  }
  const std::string none = "[none] integrity confidentiality\n";
  BOOST_TEST(says({.lockdown = none, .kexec_load_disabled = "1\n"}, "kexec_load_disabled is 1"));
  BOOST_TEST(says({.lockdown = none, .kexec_load_disabled = "0\n"}, "though this is root"));
  BOOST_TEST(says({}, "though this is root"));
  BOOST_TEST(!says({}, "run as root"));
}

BOOST_AUTO_TEST_CASE(file_that_is_no_kernel_is_refused) {
  const auto release = kernel_release_of("/proc/self/exe");
  BOOST_REQUIRE(!release);
  BOOST_TEST((release.error().code == Code::kCorrupt));
  BOOST_TEST((kernel_release_of("/nonexistent").error().code == Code::kNotFound));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
