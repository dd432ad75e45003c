// Every worker has an actor, and sends to those of the others and of the keeper: each request has one
// outcome, messages come in order and whole, large ones too, and what was lent is given back.

#include "book.hpp"
#include "part.hpp"
#include <hawser/actors/transport.hpp>
#include <hawser/shm/payload_pool.hpp>

#include <caf/all.hpp>

#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include <unistd.h>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using wrong = soak_book::wrong;
using actors::shared_bytes;

constexpr auto hang_limit = 10s;
constexpr std::size_t large_bytes = (1 << 20) + 12'345;

struct node_config : actors::config {
  explicit node_config(const std::string& group) {
    transport.group = group;
    transport.ring_bytes = 16 * 1024;
    actors::set_scheduler_threads(*this, 1);
  }
};

bool is_full_of(std::span<const std::byte> bytes, std::uint64_t what) {
  const auto byte = static_cast<std::byte>(what);
  return !bytes.empty() && bytes.front() == byte &&
         std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

/// What an actor has had, by sender.
struct received {
  std::map<std::uint64_t, std::uint64_t> next;
};

/// Numbers of a sender's messages come without a gap, and never twice.
caf::behavior listen(actors::stateful_actor<received>* self, soak_book* book,
                     soak_book::counter* committed) {
  self->set_default_handler(caf::drop);
  const auto take = [=](std::uint64_t sender, std::uint64_t number) {
    std::uint64_t& next = self->state.next[sender];
    if (number > next) book->add(wrong::lost, number - next, "actors: a message is missing");
    if (number < next) book->add(wrong::duplicated, 1, "actors: a message came twice");
    next = number + 1;
    committed->fetch_add(1);
  };
  const auto take_bytes = [=](std::uint64_t sender, std::uint64_t number,
                              std::span<const std::byte> bytes) {
    if (!is_full_of(bytes, number)) book->add(wrong::corrupt, 1, "actors: other bytes");
    take(sender, number);
    return number;
  };
  return {
      take,
      [=](std::uint64_t sender, std::uint64_t number, const std::vector<char>& bytes) {
        return take_bytes(sender, number, std::as_bytes(std::span{bytes}));
      },
      [=](std::uint64_t sender, std::uint64_t number, const shared_bytes& bytes) {
        return take_bytes(sender, number, bytes.bytes());
      },
      [](std::uint64_t question) { return question; },
  };
}

/// An actor system of the group, with one such actor.
class node {
 public:
  node(soak_book& book, soak_book::counter& committed, const std::string& group,
       const std::string& name)
      : config_(group), system_(config_), self_(system_) {
    listener_ = system_.spawn(listen, &book, &committed);
    try {
      host().publish(listener_, name);
    } catch (...) {
      caf::anon_send_exit(listener_, caf::exit_reason::kill);
      throw;
    }
  }
  node(const node&) = delete;
  node& operator=(const node&) = delete;
  ~node() { caf::anon_send_exit(listener_, caf::exit_reason::kill); }

  actors::transport_host& host() { return actors::transport(system_); }
  caf::scoped_actor& self() { return self_; }

 private:
  node_config config_;
  caf::actor_system system_;
  caf::scoped_actor self_;
  caf::actor listener_;
};

class member final : public soak_member {
 public:
  member(soak_book& book, soak_book::counter& committed, const std::string& group,
         std::size_t worker, std::size_t workers)
      : book_(book), committed_(committed), group_(group), worker_(worker), workers_(workers) {}

  void work(std::minstd_rand& random) override {
    // To make a system takes milliseconds; who is killed at once is to work with the others' channels.
    if (!node_ && random() % 8 != 0) return;
    if (!node_ && !join()) return;
    if (!friend_ || random() % 64 == 0) look_up(random);
    if (!friend_) return;
    for (std::size_t i = random() % 8; i > 0 && friend_; --i) talk(random);
  }

 private:
  bool join() {
    try {
      node_.emplace(book_, committed_, group_, "worker." + std::to_string(worker_));
      return true;
    } catch (const error& e) {
      node_.reset();
      if (e.code() == errc::already_exists) return false;  // the one before us is not gone yet
      throw;
    }
  }
  void look_up(std::minstd_rand& random) {
    const std::size_t whom = random() % (workers_ + 1);
    if (whom == worker_) return;
    try {
      friend_ =
          node_->host().lookup(whom == workers_ ? "keeper" : "worker." + std::to_string(whom), 2ms);
      // To each one it has found the numbers begin at 0.
      static std::uint64_t found = 0;
      id_ = std::uint64_t(getpid()) << 32 | ++found;
      sent_ = 0;
    } catch (const error& e) {
      if (e.code() != errc::not_found) throw;
    }
  }
  void talk(std::minstd_rand& random) {
    switch (random() % 32) {
      case 0: return ask(id_, sent_, std::vector<char>(large_bytes, static_cast<char>(sent_)));
      case 1: {
        shm::payload loan = node_->host().try_loan(1 + random() % 100'000);
        if (!loan) return;
        std::memset(loan.writable().data(), static_cast<int>(sent_), loan.size());
        return ask(id_, sent_, shared_bytes{std::move(loan)});
      }
      case 2:
      case 3: return ask(std::uint64_t{random()});
      default: node_->self()->send(friend_, id_, sent_++);
    }
  }
  template <class... Ts>
  void ask(Ts... question) {  // by value: `sent_` goes on
    if constexpr (sizeof...(Ts) != 1) ++sent_;
    int outcomes = 0;
    node_->self()
        ->request(friend_, hang_limit, question...)
        .receive([&](std::uint64_t) { ++outcomes; },
                 [&](const caf::error& reason) {
                   ++outcomes;
                   friend_ = nullptr;
                   if (reason == caf::sec::request_timeout)
                     book_.add(wrong::lost, 1, "actors: a request was not answered");
                 });
    if (outcomes != 1)
      book_.add(wrong::duplicated, 1, "actors: a request had other than 1 outcome");
  }

  soak_book& book_;
  soak_book::counter& committed_;
  const std::string group_;
  const std::size_t worker_, workers_;
  std::optional<node> node_;
  caf::actor friend_;  // behind the node: a handle goes before its system
  std::uint64_t id_ = 0, sent_ = 0;
};

class part final : public soak_part {
 public:
  explicit part(const soak_setting& s)
      : book_(s.book),
        committed_(s.book.committed_in("actors")),
        group_(s.name + ".actors"),
        workers_(s.workers) {}

  void create() override { keeper_.emplace(book_, committed_, group_, "keeper"); }
  std::unique_ptr<soak_member> join(std::size_t worker) override {
    return std::make_unique<member>(book_, committed_, group_, worker, workers_);
  }
  void settle() override {
    try {
      const shm::payload_pool pool{open_only, "actors." + group_ + ".loans"};
      const auto in_use = [&] {
        const auto now = pool.counters();
        return now.classes.back().in_use + now.references_in_use;
      };
      for (int i = 0; in_use() != 0 && i < 1000; ++i) usleep(1000);
      if (in_use() != 0) book_.add(wrong::leaked, in_use(), "actors: loans are not given back");
    } catch (const error& e) {
      if (e.code() != errc::not_found) throw;  // nothing was lent
    }
    keeper_.reset();
  }

 private:
  soak_book& book_;
  soak_book::counter& committed_;
  const std::string group_;
  const std::size_t workers_;
  std::optional<node> keeper_;
};

}  // namespace

std::unique_ptr<soak_part> actors_part(const soak_setting& s) { return std::make_unique<part>(s); }

}  // namespace hawser::test
