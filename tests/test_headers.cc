// Carries the precompiled header that all tests share: CMake makes it only for a target with a source
// that uses it, and test_main.cc must not.
