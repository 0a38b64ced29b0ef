// Results in Boost.Test's terms: an unexpected error is printed as a person would read it.
#pragma once

#include <boost/test/unit_test.hpp>
#include <optional>
#include <ostream>

#include "proto/error.h"

namespace lastword {

inline std::ostream& operator<<(std::ostream& out, Code code) {
  return out << name_of(code);
}

}  // namespace lastword

namespace lastword::fake {

template <class T>
[[nodiscard]] boost::test_tools::assertion_result ok(const Result<T>& result) {
  boost::test_tools::assertion_result answer(result.has_value());
  if (!result) answer.message() << describe(result.error());
  return answer;
}

// True when `result` failed with `code`.
template <class T>
[[nodiscard]] boost::test_tools::assertion_result fails(const Result<T>& result, Code code) {
  boost::test_tools::assertion_result answer(!result && result.error().code == code);
  answer.message() << "expected: " << name_of(code)
                   << "; got: " << (result ? "success" : describe(result.error()));
  return answer;
}

}  // namespace lastword::fake
