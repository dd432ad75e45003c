/// Actor systems of one group, in this process and in others.
#pragma once

#include "../../support/child.hpp"
#include "../process_support.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/transport.hpp>
#include <hawser/shm/error.hpp>
#include <hawser/shm/registry.hpp>

#include <caf/all.hpp>
#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <string>

namespace test {

using namespace hawser;
using hawser::test::child;
using hawser::test::unique_name;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

/// Long enough for a loaded machine.
inline constexpr std::chrono::seconds patience{30};

struct point {
  int x = 0;
  std::string name;
  friend bool operator==(const point&, const point&) = default;
};
template <class Inspector>
auto inspect(Inspector& f, point& p) {
  HAWSER_INSPECT(f, "test::point", p.x, p.name);
}

using calculator = caf::typed_actor<actors::takes<caf::add_atom, int, int>::gives<int>>;

/// What CAF sends in one piece.
using char_vector = actors::detail::byte_buffer;

using shared_ints = actors::shared_array<int>;

/// What actors end with.
enum class test_code : std::uint8_t { seven = 7 };
inline std::string to_string(test_code) { return "test_code"; }
inline caf::error error_of(test_code code) { return actors::detail::error_of(code, "test"); }

}  // namespace test

// clang-format off
CAF_BEGIN_TYPE_ID_BLOCK(transport_tests, caf::first_custom_type_id)
  CAF_ADD_TYPE_ID(transport_tests, (test::point))
  CAF_ADD_TYPE_ID(transport_tests, (test::calculator))
  CAF_ADD_TYPE_ID(transport_tests, (test::shared_ints))
  CAF_ADD_TYPE_ID(transport_tests, (test::test_code))
  CAF_ADD_TYPE_ID(transport_tests, (std::vector<std::string>))
  CAF_ADD_ATOM(transport_tests, test, add_to_atom, "addto")
  CAF_ADD_ATOM(transport_tests, test, hold_atom, "hold")
  CAF_ADD_ATOM(transport_tests, test, quit_atom, "quit")
  CAF_ADD_ATOM(transport_tests, test, who_atom, "who")
  CAF_ADD_ATOM(transport_tests, test, count_atom, "count")
  CAF_ADD_ATOM(transport_tests, test, link_atom, "linkto")
  CAF_ADD_ATOM(transport_tests, test, unlink_atom, "unlink")
  CAF_ADD_ATOM(transport_tests, test, forward_atom, "forward")
  CAF_ADD_ATOM(transport_tests, test, block_atom, "block")
CAF_END_TYPE_ID_BLOCK(transport_tests)
// clang-format on
HAWSER_ERROR_CODE(test::test_code);

namespace test {

struct test_config : actors::config {
  explicit test_config(const std::string& group,
                       const std::function<void(actors::transport_options&)>& change = {}) {
    transport.group = group;
    actors::add_messages<caf::id_block::transport_tests>(*this);
    actors::set_scheduler_threads(*this, 2);
    if (change) change(transport);
  }
};

/// An actor system that takes part.
struct node {
  explicit node(const std::string& group,
                const std::function<void(actors::transport_options&)>& change = {})
      : config(group, change), system(config), host(actors::transport(system)), self(system) {}

  template <class Handle = caf::actor>
  Handle lookup(const std::string& name) {
    return host.lookup<Handle>(name, patience);
  }

  test_config config;
  caf::actor_system system;
  actors::transport_host& host;
  caf::scoped_actor self;
};

struct echo_state {
  std::vector<caf::response_promise> held;
  int count = 0;
  std::vector<actors::shared_bytes> kept;
};

/// Answers with what it gets, and does what the tests need an actor elsewhere for.
inline caf::behavior echo(actors::stateful_actor<echo_state>* self) {
  return {
      [](int x) { return x; },
      [](const std::string& text) { return text; },
      [](const point& p) { return p; },
      [](const char_vector& bytes) { return bytes; },
      [](const caf::actor& handle) { return handle; },
      [](const actors::shared_bytes& bytes) { return bytes; },
      [=](hold_atom, const actors::shared_bytes& bytes) { self->state.kept.push_back(bytes); },
      [](add_to_atom, const shared_ints& numbers, int what) {
        for (int& one : numbers->span()) one += what;
      },
      [](who_atom) { return static_cast<int>(getpid()); },
      [=](hold_atom) { self->state.held.push_back(self->make_response_promise()); },
      [=](count_atom) { return self->state.count; },
      [=](count_atom, int by) { self->state.count += by; },
      [=](quit_atom, int code) { self->quit(error_of(static_cast<test_code>(code))); },
      [=](link_atom, const caf::actor& to) { self->link_to(to); },
      [=](forward_atom, const caf::actor& to, int x) { return self->delegate(to, x); },
      [=](block_atom, const caf::actor& to, int x) -> caf::result<int> {
        // What nobody should do inside a handler, and everybody does.
        caf::scoped_actor waits{self->system()};
        int answer = 0;
        caf::error failed;
        waits->request(to, patience, x)
            .receive([&](int y) { answer = y; }, [&](caf::error& e) { failed = std::move(e); });
        if (failed) return failed;
        return answer;
      },
  };
}

/// Counts the exit messages it gets, and lives on.
inline caf::behavior trapper(actors::stateful_actor<echo_state>* self) {
  self->set_exit_handler([=](caf::exit_msg&) { ++self->state.count; });
  return {[=](count_atom) { return self->state.count; },
          [=](link_atom, const caf::actor& to) {
            self->link_to(to);
            return true;
          },
          [=](unlink_atom, const caf::actor& to) {
            self->unlink_from(to);
            return true;
          },
          [=](quit_atom) { self->quit(caf::exit_reason::user_shutdown); }};
}

/// The answer to a request, or the error.
template <class Answer, class... Ts>
caf::expected<Answer> ask(caf::scoped_actor& self, const caf::actor& whom, Ts&&... question) {
  caf::expected<Answer> result{caf::sec::runtime_error};
  self->request(whom, patience, std::forward<Ts>(question)...)
      .receive([&](Answer& answer) { result = std::move(answer); },
               [&](caf::error& reason) { result = std::move(reason); });
  return result;
}

}  // namespace test
