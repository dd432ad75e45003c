#include "serving.hpp"

#include "banking.hpp"
#include "stop_signals.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/actors/this_process.hpp>

#include <caf/scoped_actor.hpp>

namespace bank {

int serve(std::string group, std::string journal) {
  examples::block_stop_signals();
  { const ledger looks{journal}; }  // what is wrong with it is thrown here, and not in an actor
  config own{group};
  caf::actor_system system{own};
  caf::scoped_actor self{system};
  const auto bank = self->spawn<caf::detached + caf::monitored>(banking, journal);
  try {
    hawser::actors::transport(system).publish(bank, name);
  } catch (...) {
    caf::anon_send_exit(bank, caf::exit_reason::kill);  // the system waits for its actors
    throw;
  }
  const examples::stop_signals stop{
      [&](int) { caf::anon_send_exit(bank, caf::exit_reason::user_shutdown); }};
  hawser::actors::this_process::ready();
  int status = 0;
  self->receive([&](const caf::down_msg& down) {
    if (down.reason != caf::exit_reason::user_shutdown) status = 1;
  });
  return status;
}
HAWSER_PROCESS(serve);

}  // namespace bank
