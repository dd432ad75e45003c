/// What tests of segments share.
#pragma once

#include "../support/child.hpp"
#include <hawser/shm/error.hpp>

#include <gtest/gtest.h>

#include <string>

#include <unistd.h>

namespace hawser::test {

/// The file of this user's segment.
inline std::string path_of(const std::string& name) {
  return "/dev/shm/hawser." + std::to_string(geteuid()) + "." + name;
}

/// Runs `action`, which must throw; returns the error.
template <class Action>
error error_of(Action action) {
  try {
    action();
  } catch (const error& e) {
    return e;
  }
  ADD_FAILURE() << "no error";
  return error{errc::system, "none"};
}

#define EXPECT_ERROR(CODE, PART, ...)                                           \
  do {                                                                          \
    const ::hawser::error e = ::hawser::test::error_of([&] { __VA_ARGS__; });   \
    EXPECT_EQ(e.code(), CODE) << e.what();                                      \
    EXPECT_NE(std::string{e.what()}.find(PART), std::string::npos) << e.what(); \
  } while (false)

}  // namespace hawser::test
