#include "unprotected.hpp"

#include "stop_signals.hpp"
#include "teller.hpp"
#include <hawser/actors/process.hpp>
#include <hawser/shm/value.hpp>

#include <thread>
#include <vector>

#include <unistd.h>

namespace bank {

int careless(std::string balance_name, unsigned depositors) {
  examples::leave_stopping_to_the_parent();
  hawser::shm::value<long> balance{hawser::open_only, balance_name};
  std::vector<std::thread> all;
  for (unsigned i = 0; i < depositors; ++i)
    all.emplace_back([&] {
      const long before = balance.load();
      std::this_thread::sleep_for(deposit_time);
      balance.store(before + 1);
    });
  for (std::thread& one : all) one.join();
  return 0;
}
HAWSER_PROCESS(careless);

long pay_unprotected(unsigned depositors, unsigned processes) {
  const std::string balance_name = "bank." + std::to_string(getpid()) + ".unprotected";
  const hawser::shm::value<long> balance{hawser::create_only, balance_name};
  std::vector<hawser::actors::process> all;
  for (unsigned i = 0; i < processes; ++i)
    all.push_back(hawser::actors::process::spawn(
        careless, balance_name, depositors * (i + 1) / processes - depositors * i / processes));
  for (const auto& one : all) one.join();
  return balance.load();
}

}  // namespace bank
