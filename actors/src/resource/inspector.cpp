#include "inspector.hpp"

#include <hawser/actors/detail/readable_name.hpp>

#include <caf/event_based_actor.hpp>

#include <exception>
#include <string>
#include <typeinfo>
#include <utility>

namespace hawser::actors::detail {
namespace {

/// What it has thrown; empty: nothing.
template <class Function>
std::string failure_of(const char* what, Function function) {
  try {
    function();
    return {};
  } catch (const std::exception& thrown) {
    return std::string{what} + " has thrown " + readable_name(typeid(thrown)) + ": " +
           thrown.what();
  } catch (...) {
    return std::string{what} + " has thrown";
  }
}

caf::behavior inspect_resources(caf::event_based_actor* self, const caf::actor& desk,
                                const resource_care& care) {
  return {
      [=](check_atom, const granted_resource& one) {
        bool healthy = false;
        std::string why = failure_of("its check", [&] { healthy = care.check(one); });
        if (!healthy && why.empty()) why = "its check says so";
        self->send(desk, checked_atom_v, one.index, healthy, std::move(why));
      },
      [=](make_atom, const granted_resource& old, bool close_it) {
        if (close_it && care.close) failure_of("close", [&] { care.close(old); });
        granted_resource made;
        std::string why =
            failure_of("making another", [&] { made = care.make(old.index, old.name); });
        self->send(desk, made_atom_v, old.index, std::move(made), std::move(why));
      },
  };
}

}  // namespace

caf::actor spawn_inspector(caf::actor_system& system, const caf::actor& desk, resource_care care) {
  return system.spawn<caf::detached + caf::hidden>(inspect_resources, desk, std::move(care));
}

}  // namespace hawser::actors::detail
