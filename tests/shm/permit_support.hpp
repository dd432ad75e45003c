/// What tests of permits share.
#pragma once

#include "../support/child.hpp"
#include <hawser/shm/segment.hpp>

#include <functional>
#include <memory>
#include <string>

#include <unistd.h>

namespace hawser::test {

/// A child that calls `action` with the object of this name, reports, and waits to be killed.
template <class Channel>
std::unique_ptr<child> with(const std::string& name, std::function<void(Channel&)> action) {
  auto result = std::make_unique<child>([=](const child::report& done) {
    Channel own{hawser::open_only, name};
    action(own);
    done();
    pause();
    return 0;
  });
  return result;
}

}  // namespace hawser::test
