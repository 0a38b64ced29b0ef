// main() of every test program.
#define BOOST_TEST_MODULE lastword
#include <boost/test/unit_test.hpp>
