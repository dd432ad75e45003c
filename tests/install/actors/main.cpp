#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scoped_actor.hpp>

int main() {
  caf::actor_system_config config;
  caf::actor_system system{config};
  caf::scoped_actor self{system};
  return self->id() != 0 ? 0 : 1;
}
