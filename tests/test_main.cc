// main() of every test program. Written out: with BOOST_TEST_MODULE, Boost.Test's header would make
// it in every file that includes the precompiled one.
#include <boost/test/unit_test.hpp>

namespace {

bool init_tests() {
  boost::unit_test::framework::master_test_suite().p_name.value = "lastword";
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  return boost::unit_test::unit_test_main(&init_tests, argc, argv);
}
