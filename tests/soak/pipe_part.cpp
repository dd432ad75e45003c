// Pairs of workers with a pipe between them; when either is killed, the next pipe. The reader gets
// everything whose send had returned, in order, also from a killed writer.

#include "book.hpp"
#include "part.hpp"
#include <hawser/shm/pipe.hpp>

#include <chrono>
#include <optional>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using wrong = soak_book::wrong;

struct letter {
  std::uint64_t connection, number;  // from 0 on each connection
  std::uint64_t check;
};
using pipe = shm::pipe<letter>;

constexpr std::size_t connections_max = 1 << 20;

/// What the writer of a pair has done, by connection.
struct pair_ledger {
  explicit pair_ledger(std::size_t pairs) : next(pairs), returned(pairs * connections_max) {}
  std::atomic<std::uint64_t>& returned_of(std::size_t pair, std::uint64_t connection) {
    return returned[pair * connections_max + connection];
  }
  shared_table<std::atomic<std::uint64_t>> next;      // connection
  shared_table<std::atomic<std::uint64_t>> returned;  // letters of it
};

class member final : public soak_member {
 public:
  member(soak_book& book, soak_book::counter& committed, pair_ledger& ledger, std::string name,
         std::size_t worker)
      : book_(book),
        committed_(committed),
        ledger_(ledger),
        name_(std::move(name)),
        pair_(worker / 2),
        writes_(worker % 2 == 0) {}

  void work(std::minstd_rand& random) override {
    if (!pipe_ && !connect()) return;
    for (std::size_t i = random() % 16; pipe_ && i > 0; --i) writes_ ? write() : read();
  }

 private:
  bool connect() {
    try {
      pipe_.emplace(open_or_create, name_ + "." + std::to_string(pair_),
                    shm::pipe_options{.bytes = 256});
    } catch (const error& e) {
      // The pair before us is not gone altogether.
      if (e.code() == errc::too_many_participants || e.code() == errc::busy) return false;
      throw;
    }
    received_ = 0;
    seen_.reset();
    if (writes_) connection_ = ledger_.next[pair_].fetch_add(1) % connections_max;
    return true;
  }
  void write() {
    auto& returned = ledger_.returned_of(pair_, connection_);
    const std::uint64_t number = returned;
    const auto status = pipe_->send_for({connection_, number, connection_ ^ ~number}, 1ms);
    if (status == shm::push_status::ok) {
      returned = number + 1;
      committed_.fetch_add(1);
    } else if (status == shm::push_status::closed) {
      pipe_.reset();
    }
  }
  void read() {
    auto next = pipe_->read_for(1ms);
    if (!next) {
      if (next.status() == shm::take_status::closed) end_of_file();
      return;
    }
    const letter m = *next;
    next.done();
    if (m.check != (m.connection ^ ~m.number))
      return book_.add(wrong::corrupt, 1, "pipe: a torn message");
    if ((seen_ && *seen_ != m.connection) || m.number != received_)
      return book_.add(m.number < received_ ? wrong::duplicated : wrong::lost, 1,
                       "pipe: a message out of order");
    seen_ = m.connection;
    ++received_;
  }
  void end_of_file() {
    if (seen_) {
      const std::uint64_t sent = ledger_.returned_of(pair_, *seen_);
      if (sent > received_)
        book_.add(wrong::lost, sent - received_, "pipe: not all came before the end of file");
    }
    pipe_.reset();
  }

  soak_book& book_;
  soak_book::counter& committed_;
  pair_ledger& ledger_;
  std::string name_;
  std::size_t pair_;
  bool writes_;
  std::optional<pipe> pipe_;
  std::uint64_t connection_ = 0;       // the writer's
  std::uint64_t received_ = 0;         // the reader's
  std::optional<std::uint64_t> seen_;  // connection
};

class part final : public soak_part {
 public:
  part(soak_book& book, std::string name, std::size_t workers)
      : book_(book),
        committed_(book.committed_in("pipe")),
        name_(std::move(name)),
        ledger_((workers + 1) / 2) {}

  void create() override {}
  std::unique_ptr<soak_member> join(std::size_t worker) override {
    return std::make_unique<member>(book_, committed_, ledger_, name_, worker);
  }
  void settle() override {
    // A pipe both of whose processes were killed is stale, and nothing else of it is left.
    for (std::size_t i = 0; i < ledger_.next.size(); ++i)
      pipe{open_or_create, name_ + "." + std::to_string(i), shm::pipe_options{.bytes = 256}};
  }

 private:
  soak_book& book_;
  soak_book::counter& committed_;
  std::string name_;
  pair_ledger ledger_;
};

}  // namespace

std::unique_ptr<soak_part> pipe_part(const soak_setting& s) {
  return std::make_unique<part>(s.book, s.name + ".pipe", s.workers);
}

}  // namespace hawser::test
