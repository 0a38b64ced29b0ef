// `lastword config`: a file to begin with, and all that is wrong with one.
#include "proto/error.h"
#include "proto/uuid.h"
#include "tests/agent/cli/programs.h"

namespace lastword::test {
namespace {

struct Configuration {
  TestFolder folder;
  std::string path = folder.file("etc/lastword.toml");  // in a folder that is not there yet

  [[nodiscard]] Outcome config(const std::string& arguments) const {
    return lastword("--config " + path + " config " + arguments);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(config_command, Configuration)

BOOST_AUTO_TEST_CASE(init_writes_a_file_that_is_good) {
  const Outcome written = config("--init --node left --partner alpha");
  BOOST_TEST(written.status == kExitOk);
  const std::string text = content_of(path);
  for (const char* part : {"[nodes.left]", "[nodes.alpha]", "\nnode = \"left\"\n",
                           "/var/crash/left", "/var/crash/alpha"}) {
    BOOST_TEST(contains(text, part), part << " in " << text);
  }
  BOOST_TEST(!contains(text, "beta"));
  // Where lastword is not installed.
  std::ofstream(path, std::ios::app) << "dump_program = \"" << path << "\"\n";
  const Outcome checked = config("--check");
  BOOST_TEST(checked.status == kExitOk);
  BOOST_TEST(contains(checked.output, "This node is left (id 1), its partner alpha (id 2)"));
  BOOST_TEST(contains(checked.output, "at 1m15s at the latest"));
  BOOST_TEST(contains(checked.output,
                      "due each 1s (heartbeat); a node of which none came for 20s "
                      "(silence) counts as dead, and its disks are voted for 7s"));
  BOOST_TEST(!contains(checked.output, "watchdog"));
}

BOOST_AUTO_TEST_CASE(each_file_names_a_cluster_of_its_own) {
  BOOST_TEST(config("--init --node a --partner b").status == kExitOk);
  const std::string first = content_of(path);
  std::filesystem::remove(path);
  BOOST_TEST(config("--init --node a --partner b").status == kExitOk);
  BOOST_TEST(content_of(path) != first);
}

BOOST_AUTO_TEST_CASE(new_key_is_made_once_and_makes_links_good) {
  BOOST_TEST(config("--init --node left --partner alpha").status == kExitOk);
  const std::string key = folder.file("etc/cluster.key");
  std::ofstream(path, std::ios::app)
      << "dump_program = \"" << path << "\"\nkey_file = \"" << key << "\"\n"
      << "[[link]]\nname = \"direct\"\n"
      << "address = { left = \"10.0.0.1\", alpha = \"10.0.0.2\" }\n";
  const Outcome without = config("--check");
  BOOST_TEST(without.status == kExitUsage);
  BOOST_TEST(contains(without.errors, "config --new-key"));
  BOOST_TEST(config("--new-key").status == kExitOk);
  BOOST_TEST(config("--check").status == kExitOk);
  const std::string first = content_of(key);
  BOOST_TEST(config("--new-key").status == kExitRefused);
  BOOST_TEST(content_of(key) == first);
  BOOST_TEST(config("--new-key --init --node a --partner b").status == kExitUsage);
}

BOOST_AUTO_TEST_CASE(init_writes_over_nothing) {
  BOOST_TEST(config("--init --node a --partner b").status == kExitOk);
  const std::string before = content_of(path);
  const Outcome again = config("--init --node a --partner c");
  BOOST_TEST(again.status == kExitRefused);
  BOOST_TEST(contains(again.errors, "there is such a file"));
  BOOST_TEST(content_of(path) == before);
  BOOST_TEST(!std::filesystem::exists(path + ".new"));
}

BOOST_AUTO_TEST_CASE(names_that_no_node_can_have_are_refused) {
  const std::string long_name(300, 'x');
  const std::string wanted = "a short host name is wanted, of 1 to 64 letters, digits, - and _";
  for (const auto& [names, said] : std::initializer_list<std::pair<std::string, std::string>>{
           {"--node a --partner a", "are both called \"a\""},
           {"--node a --partner 'b c'", wanted},
           {"--node a --partner beta.example.com", wanted},
           {"--node alpha.example.com --partner b", wanted},
           {"--node a --partner " + long_name, wanted},
           {"--node a", "--partner NAME"}}) {
    const Outcome outcome = config("--init " + names);
    BOOST_TEST(outcome.status == kExitUsage);
    BOOST_TEST(contains(outcome.errors, said), outcome.errors);
    BOOST_TEST(!std::filesystem::exists(path));
  }
}

BOOST_AUTO_TEST_CASE(check_looks_at_what_the_file_names) {
  std::filesystem::create_directory(folder.file("etc"));
  const std::string script = folder.file("etc/start");
  std::ofstream(script) << "#!/bin/sh\n";
  const auto check = [&](const std::string& hook, const std::string& program) {
    std::ofstream(path) << "cluster = \"6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4\"\nnode = \"a\"\n"
                        << "[nodes.a]\nid = 1\ncore_directory = \"/srv/cores\"\n"
                        << "[nodes.b]\nid = 2\ncore_directory = \"/srv/cores/b/..\"\n"
                        << "[hooks]\nservice_taken = \"" << hook << "\"\n"
                        << "[paths]\ndump_program = \"" << program << "\"\n";
    return config("--check");
  };
  const std::string hook = "[hooks] service_taken = \"" + script;
  const std::string missing = folder.file("no-such-file");
  const Outcome first = check(script, missing);
  BOOST_TEST(first.status == kExitUsage);
  for (const std::string& part :
       {std::string("a and b have the same core_directory, /srv/cores"),
        "[paths] dump_program = \"" + missing + "\": No such file or directory",
        hook + "\": Permission denied"}) {
    BOOST_TEST(contains(first.errors, part), part << " in " << first.errors);
  }
  const Outcome directory = check(folder.file("etc"), path);
  BOOST_TEST(contains(directory.errors, "not a file; name an executable file"), directory.errors);
  BOOST_TEST(!contains(directory.errors, "dump_program"), directory.errors);
  const Outcome line = check(script + " --now", path);
  BOOST_TEST(contains(line.errors, hook + " --now\": a path is wanted, not a command line"),
             line.errors);
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  BOOST_TEST(!contains(check(script, path).errors, "service_taken"));
}

BOOST_AUTO_TEST_CASE(check_names_files_in_the_directory_of_hooks_that_never_run) {
  const std::string hooks = folder.file("hooks");
  for (const std::string& made : {folder.file("etc"), hooks}) {
    std::filesystem::create_directory(made);
  }
  std::ofstream(path) << "cluster = \"6f1ed002-ab59-5cb6-9f3c-0d8e5ac1b7a4\"\nnode = \"a\"\n"
                      << "[nodes.a]\nid = 1\n[nodes.b]\nid = 2\n"
                      << "[hooks]\ndirectory = \"" << hooks << "\"\n"
                      << "[paths]\ndump_program = \"" << path << "\"\n";
  BOOST_TEST(config("--check").status == kExitOk);
  for (const char* name : {"fenced", "service_taken", "dump-saved"}) {
    std::ofstream(hooks + "/" + name) << "#!/bin/sh\n";
    std::filesystem::permissions(hooks + "/" + name, std::filesystem::perms::owner_all);
  }
  std::filesystem::permissions(hooks + "/fenced", std::filesystem::perms::owner_read);
  const Outcome outcome = config("--check");
  BOOST_TEST(outcome.status == kExitUsage);
  BOOST_TEST(contains(outcome.errors, "hooks/fenced: never run: not an executable file"),
             outcome.errors);
  BOOST_TEST(contains(outcome.errors,
                      "hooks/service_taken: never run: no event has this name; did "
                      "you mean \"service-taken\"?"),
             outcome.errors);
  BOOST_TEST(!contains(outcome.errors, "dump-saved:"), outcome.errors);
  std::filesystem::remove_all(hooks);
  BOOST_TEST(contains(config("--check").errors, "make the directory, or leave it out"));
}

BOOST_AUTO_TEST_CASE(check_tells_all_problems_with_line_and_remedy) {
  std::filesystem::create_directory(folder.file("etc"));
  std::ofstream(path) << "cluster = \"mine\"\n[nodes.a]\nid = 1\n[nodes.b]\nid = 1\n"
                         "[timing]\ngrace = \"10\"\n[dump]\nkep = \"latest\"\n";
  const Outcome outcome = config("--check");
  BOOST_TEST(outcome.status == kExitUsage);
  for (const char* part :
       {"line 1:11: cluster = \"mine\" is not a UUID; cat /proc/sys/kernel/random/uuid makes one",
        "a and b both have id 1: ids must differ",
        "line 7:9: grace = \"10\" must be a whole number with its unit",
        "line 9:1: unknown key \"kep\" in [dump]; did you mean \"keep\"?"}) {
    BOOST_TEST(contains(outcome.errors, part), part << " in " << outcome.errors);
  }
}

BOOST_AUTO_TEST_CASE(one_of_both_is_asked_for) {
  BOOST_TEST(config("").status == kExitUsage);
  BOOST_TEST(config("--check --init --partner b").status == kExitUsage);
  BOOST_TEST(config("--check --partner b").status == kExitUsage);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace lastword::test
