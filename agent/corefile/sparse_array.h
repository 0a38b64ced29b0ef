// An array of any size whose elements are zero until they are written. Memory is taken only for
// what is written, in pages of 4 KiB.
#pragma once

#include <sys/mman.h>

#include <cerrno>
#include <cstddef>
#include <type_traits>
#include <utility>

#include "proto/error.h"

namespace lastword {

template <class T>
class SparseArray {
  static_assert(std::is_trivial_v<T>);

 public:
  SparseArray() = default;
  // kIo: no address space for that many.
  [[nodiscard]] static Result<SparseArray> make(std::size_t count) {
    SparseArray array;
    if (count == 0) return array;
    const std::size_t bytes = count * sizeof(T);
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      return fail({.code = Code::kIo, .sys_errno = errno, .operation = "allocate memory"});
    }
    array.elements_ = static_cast<T*>(memory);
    array.bytes_ = bytes;
    return array;
  }
  ~SparseArray() {
    if (elements_ != nullptr) ::munmap(elements_, bytes_);
  }
  SparseArray(SparseArray&& other) noexcept
      : elements_(std::exchange(other.elements_, nullptr)),
        bytes_(std::exchange(other.bytes_, 0)) {}
  SparseArray& operator=(SparseArray&& other) noexcept {
    std::swap(elements_, other.elements_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  [[nodiscard]] T& operator[](std::size_t index) { return elements_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const { return elements_[index]; }

 private:
  T* elements_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace lastword
