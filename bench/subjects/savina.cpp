// Benchmarks of the Savina suite, their actors spread over processes.

#include "subjects/savina_actors.hpp"
#include "subjects/subjects.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

namespace hawser::bench {
namespace {

using enum savina_actor;

/// The driver's view of all processes; its own is the first.
class world {
 public:
  world(caf::actor_system& system, std::vector<caf::actor> hosts)
      : self_(system), hosts_(std::move(hosts)) {}
  ~world() {
    for (const caf::actor& one : made_) caf::anon_send_exit(one, caf::exit_reason::kill);
  }

  caf::scoped_actor& self() { return self_; }
  caf::actor driver() { return caf::actor_cast<caf::actor>(self_); }

  /// In the process of that number.
  caf::actor make_at(std::size_t where, savina_actor of) {
    made_.push_back(
        ask<caf::actor>(self_, hosts_[where % hosts_.size()], make_atom_v, static_cast<int>(of)));
    return made_.back();
  }
  /// Spread over all processes but the driver's, if there are others.
  caf::actor make_elsewhere(std::size_t where, savina_actor of) {
    return make_at(hosts_.size() == 1 ? 0 : 1 + where % (hosts_.size() - 1), of);
  }
  /// Spread over all processes.
  std::vector<caf::actor> make_all(std::size_t number, savina_actor of) {
    std::vector<caf::actor> all;
    for (std::size_t i = 0; i < number; ++i) all.push_back(make_at(i, of));
    return all;
  }
  void set_up(const caf::actor& one, std::vector<caf::actor> others, int number) {
    if (!ask<bool>(self_, one, set_up_atom_v, std::move(others), driver(), number))
      throw wrong_figure{"an actor is not set up"};
  }
  void wait_for(std::size_t done) {
    for (std::size_t i = 0; i < done; ++i) {
      bool came = false;
      self_->receive([&](done_atom, int) { came = true; }, caf::after(patience) >> [] {});
      if (!came) throw wrong_figure{"it does not end"};
    }
  }

 private:
  caf::scoped_actor self_;
  std::vector<caf::actor> hosts_, made_;
};

/// Nanoseconds.
double time_of(const std::function<void()>& work) {
  const std::int64_t from_ns = now_ns();
  work();
  return static_cast<double>(now_ns() - from_ns);
}

// Each takes how much is to be done, and returns its figure.

double ping_pong(world& in, int times) {
  const auto pinging_one = in.make_at(0, pinging), other = in.make_at(1, echoing);
  in.set_up(pinging_one, {other}, times);
  const double ns = time_of([&] {
    in.self()->send(pinging_one, start_atom_v);
    in.wait_for(1);
  });
  return ns / 1e3 / times;
}

double thread_ring(world& in, int times) {
  const auto all = in.make_all(100, passing);
  for (std::size_t i = 0; i < all.size(); ++i) in.set_up(all[i], {all[(i + 1) % all.size()]}, 0);
  const double ns = time_of([&] {
    in.self()->send(all.front(), token_atom_v, times);
    in.wait_for(1);
  });
  return ns / 1e3 / times;
}

double send_ticks(world& in, const std::vector<caf::actor>& all, int times) {
  const int each = times / static_cast<int>(all.size());
  const double ns = time_of([&] {
    for (int i = 0; i < each; ++i)
      for (const caf::actor& one : all) in.self()->send(one, tick_atom_v, i);
    for (const caf::actor& one : all)
      if (ask<int>(in.self(), one, total_atom_v) != each) throw wrong_figure{"messages were lost"};
  });
  return each * static_cast<double>(all.size()) * 1e3 / ns;
}
double counting_one(world& in, int times) {
  return send_ticks(in, {in.make_at(1, counting)}, times);
}
double fork_join(world& in, int times) { return send_ticks(in, in.make_all(60, counting), times); }

double big(world& in, int times) {
  const auto all = in.make_all(40, pinging);
  const int each = times / static_cast<int>(all.size());
  for (const caf::actor& one : all) in.set_up(one, all, each);
  const double ns = time_of([&] {
    for (const caf::actor& one : all) in.self()->send(one, start_atom_v);
    in.wait_for(all.size());
  });
  return 2.0 * each * static_cast<double>(all.size()) * 1e3 / ns;
}

double chameneos(world& in, int times) {
  const auto place = in.make_at(0, mall);
  in.set_up(place, {}, times);
  // In the other processes: those beside it would meet each other only.
  std::vector<caf::actor> all;
  for (std::size_t i = 0; i < 40; ++i) all.push_back(in.make_elsewhere(i, chameneo));
  int color = 0;
  for (const caf::actor& one : all) in.set_up(one, {place}, color++ % 3);
  const double ns = time_of([&] {
    for (const caf::actor& one : all) in.self()->send(one, start_atom_v);
    in.wait_for(1);
  });
  return times * 1e3 / ns;
}

/// A hundred transfers under way at a time.
double bank_transaction(world& in, int times) {
  struct teller_state {
    int sent = 0, done = 0;
    std::minstd_rand random;
    std::function<void()> next;
  };
  const auto all = in.make_all(100, account);
  const double ns = time_of([&] {
    in.self()->spawn<caf::monitored>(
        [=](actors::stateful_actor<teller_state>* teller) -> caf::behavior {
          teller->state.next = [=] {
            teller_state& now = teller->state;
            ++now.sent;
            const std::size_t from = now.random() % all.size();
            const std::size_t to = (from + 1 + now.random() % (all.size() - 1)) % all.size();
            teller->request(all[from], caf::infinite, move_atom_v, 1, all[to]).then([=](bool) {
              if (++teller->state.done == times) teller->quit();
              else if (teller->state.sent < times) teller->state.next();
            });
          };
          for (int i = 0; i < std::min(100, times); ++i) teller->state.next();
          return {[](int) {}};
        });
    bool well = false;
    in.self()->receive([&](const caf::down_msg& down) { well = !down.reason; });
    if (!well) throw wrong_figure{"a transfer failed"};
  });
  int sum = 0;
  for (const caf::actor& one : all) sum += ask<int>(in.self(), one, total_atom_v);
  if (sum != 1'000 * static_cast<int>(all.size())) throw wrong_figure{"the sum is wrong"};
  return times * 1e3 / ns;
}

struct benchmark {
  const char* name;
  const char* unit;
  int times;
  double (*run)(world&, int);
};
constexpr benchmark benchmarks[] = {
    {"ping_pong", "us", 20'000, ping_pong},
    {"thread_ring", "us", 40'000, thread_ring},
    {"counting", "Mmsg/s", 300'000, counting_one},
    {"fork_join", "Mmsg/s", 300'000, fork_join},
    {"big", "Mmsg/s", 100'000, big},
    {"chameneos", "Mmeetings/s", 50'000, chameneos},
    {"bank_transaction", "Mtransfers/s", 50'000, bank_transaction},
};

template <class Way>
sample measure(std::size_t processes, const effort& how) {
  constexpr std::size_t processes_max = 4;
  struct figures {
    std::array<way_notes, processes_max> of;
    std::array<double, std::size(benchmarks)> amounts;
  };
  const shared<figures> all;
  // TCP takes ten to a hundred times as long.
  const int part = (std::is_base_of_v<over_tcp, Way> ? 20 : 1) * (how.quick ? 5 : 1);
  const auto name_of = [](std::size_t i) { return "host." + std::to_string(i); };

  std::vector<process_role> roles;
  roles.push_back({"driving", anywhere, [&] {
                     typename Way::config own;
                     caf::actor_system system{own};
                     std::vector<caf::actor> hosts{system.spawn(savina_host)};
                     if constexpr (!std::is_same_v<Way, in_process>)
                       for (std::size_t i = 1; i < processes; ++i) {
                         await("for a host", [&] { return all->of[i].port != 0; });
                         hosts.push_back(Way::find(system, all->of[i], name_of(i)));
                       }
                     for (std::size_t i = 0; i < std::size(benchmarks); ++i) {
                       world in{system, hosts};
                       all->amounts[i] = benchmarks[i].run(in, benchmarks[i].times / part);
                     }
                     all->of[0].end();
                     caf::anon_send_exit(hosts.front(), caf::exit_reason::kill);
                   }});
  if constexpr (!std::is_same_v<Way, in_process>)
    for (std::size_t i = 1; i < processes; ++i)
      roles.push_back({"hosting", anywhere, [&, i] {
                         typename Way::config own;
                         caf::actor_system system{own};
                         const auto served = system.spawn(savina_host);
                         Way::publish(system, served, all->of[i], name_of(i));
                         all->of[0].wait_for_end();
                         caf::anon_send_exit(served, caf::exit_reason::kill);
                       }});
  run_processes(roles);

  std::string subject = std::string{"savina."} + (Way::name + std::string{"actors."}.size());
  if (processes > 1) subject += "." + std::to_string(processes);
  sample result;
  for (std::size_t i = 0; i < std::size(benchmarks); ++i)
    result.values.push_back(
        {{subject, benchmarks[i].name, 0, benchmarks[i].unit}, all->amounts[i]});
  return result;
}

template <class Way>
void add(std::vector<measurement>& all, std::size_t processes) {
  all.push_back({std::string{"savina."} + Way::name, group::savina,
                 [=](const effort& how) { return measure<Way>(processes, how); }});
}

}  // namespace

void add_savina(std::vector<measurement>& all) {
  add<in_process>(all, 1);
  for (const std::size_t processes : {2U, 4U}) {
    add<over_hawser>(all, processes);
    add<over_tcp>(all, processes);
    add<over_tuned_tcp>(all, processes);
  }
}

}  // namespace hawser::bench
