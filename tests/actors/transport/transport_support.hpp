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
typename Inspector::result_type inspect(Inspector& f, point& p) {
  HAWSER_INSPECT(f, "test::point", p.x, p.name);
}

/// Means nothing elsewhere: nobody has registered it.
struct unregistered {
  int x = 0;
};
template <class Inspector>
typename Inspector::result_type inspect(Inspector& f, unregistered& p) {
  HAWSER_INSPECT(f, "test::unregistered", p.x);
}

using calculator = caf::typed_actor<caf::replies_to<caf::add_atom, int, int>::with<int>>;

struct test_config : actors::config {
  explicit test_config(const std::string& group,
                       const std::function<void(actors::transport_options&)>& change = {}) {
    transport.group = group;
    add_message_type<point>("test::point");
    add_message_type<calculator>("test::calculator");
    set("scheduler.max-threads", 2);
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

// What the actors below are asked.
using hold_atom = caf::atom_constant<caf::atom("hold")>;
using quit_atom = caf::atom_constant<caf::atom("quit")>;
using who_atom = caf::atom_constant<caf::atom("who")>;
using count_atom = caf::atom_constant<caf::atom("count")>;
using link_atom = caf::atom_constant<caf::atom("linkto")>;
using unlink_atom = caf::atom_constant<caf::atom("unlink")>;
using forward_atom = caf::atom_constant<caf::atom("forward")>;
using block_atom = caf::atom_constant<caf::atom("block")>;

struct echo_state {
  std::vector<caf::response_promise> held;
  int count = 0;
  std::vector<caf::actor> seen;
};

/// Answers with what it gets, and does what the tests need an actor elsewhere for.
inline caf::behavior echo(caf::stateful_actor<echo_state>* self) {
  return {
      [](int x) { return x; },
      [](const std::string& text) { return text; },
      [](const point& p) { return p; },
      [](const std::vector<char>& bytes) { return bytes; },
      [](const caf::actor& handle) { return handle; },
      [](who_atom) { return static_cast<int>(getpid()); },
      [=](hold_atom) { self->state.held.push_back(self->make_response_promise()); },
      [=](count_atom) { return self->state.count; },
      [=](count_atom, int by) { self->state.count += by; },
      [=](quit_atom, int code) {
        self->quit(caf::error{static_cast<std::uint8_t>(code), caf::atom("test")});
      },
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
inline caf::behavior trapper(caf::stateful_actor<echo_state>* self) {
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
