// Pairs of workers with a pipe between them, or one of payloads; when either is killed, the next
// one. The reader gets everything whose send had returned, in order, also from a killed writer. At
// the end every payload is free.

#include "book.hpp"
#include "part.hpp"
#include <hawser/shm/payload_pipe.hpp>
#include <hawser/shm/pipe.hpp>

#include <chrono>
#include <cstring>
#include <optional>

namespace hawser::test {
namespace {

using namespace std::chrono_literals;
using wrong = soak_book::wrong;

struct letter {
  std::uint64_t connection, number;  // from 0 on each connection
  std::uint64_t check;
};

constexpr std::size_t connections_max = 1 << 20;

/// What a pair has between it; `open` takes an end of it.
class plain_link {
 public:
  static constexpr const char* word = "pipe";
  class common {  // of all pairs
   public:
    explicit common(const std::string&) {}
    void create() {}
    std::size_t settle() { return 0; }
  };

  explicit plain_link(const std::string&) {}
  void open(const std::string& name) {
    end_.emplace(open_or_create, name, shm::pipe_options{.bytes = 256});
  }
  void close() { end_.reset(); }
  bool is_open() const { return end_.has_value(); }
  shm::push_status send(const letter& m) { return end_->send_for(m, 1ms); }
  std::optional<letter> receive() { return end_->receive_for(1ms); }
  bool ended() { return end_->ended(); }

 private:
  std::optional<shm::pipe<letter>> end_;
};

/// The letters are in payloads, their numbers beside them.
class payload_link {
 public:
  static constexpr const char* word = "payload_pipe";
  static constexpr std::size_t chunks = 24;
  class common {
   public:
    explicit common(std::string name) : name_(std::move(name)) {}
    void create() {
      pool_.emplace(create_only, name_,
                    shm::payload_pool_options{.classes = {{sizeof(letter), chunks}}});
    }
    /// Leaves the pool. Returns how many chunks are nobody's.
    std::size_t settle() {
      std::vector<shm::payload> all;
      while (auto one = pool_->try_loan(sizeof(letter))) all.push_back(std::move(*one));
      const std::size_t leaked = chunks - all.size();
      all.clear();
      pool_.reset();
      return leaked;
    }

   private:
    std::string name_;
    std::optional<shm::payload_pool> pool_;
  };

  explicit payload_link(const std::string& pool) : pool_(open_only, pool) {}
  void open(const std::string& name) {
    end_.emplace(pool_, open_or_create, name, shm::payload_pipe_options{.capacity = 4});
  }
  void close() { end_.reset(); }
  bool is_open() const { return end_.has_value(); }
  shm::push_status send(const letter& m) {
    auto data = pool_.loan_for(sizeof m, 1ms);
    if (!data) return shm::push_status::timed_out;
    std::memcpy(data->writable().data(), &m, sizeof m);
    return end_->send_for(m.number, std::move(*data), 1ms);
  }
  std::optional<letter> receive() {
    const auto got = end_->receive_for(1ms);
    if (!got) return std::nullopt;
    letter m{};
    std::memcpy(&m, got->data.bytes().data(), sizeof m);
    if (m.number != got->meta) m.check = ~m.check;  // torn
    return m;
  }
  bool ended() { return end_->ended(); }

 private:
  shm::payload_pool pool_;
  std::optional<shm::payload_pipe<std::uint64_t>> end_;
};

/// What the writer of a pair has done, by connection.
struct pair_ledger {
  explicit pair_ledger(std::size_t pairs) : next(pairs), returned(pairs * connections_max) {}
  std::atomic<std::uint64_t>& returned_of(std::size_t pair, std::uint64_t connection) {
    return returned[pair * connections_max + connection];
  }
  shared_table<std::atomic<std::uint64_t>> next;      // connection
  shared_table<std::atomic<std::uint64_t>> returned;  // letters of it
};

template <class Link>
class member final : public soak_member {
 public:
  member(soak_book& book, soak_book::counter& committed, pair_ledger& ledger,
         const std::string& name, std::size_t worker)
      : book_(book),
        committed_(committed),
        ledger_(ledger),
        name_(name),
        pair_(worker / 2),
        writes_(worker % 2 == 0),
        link_(name) {}

  void work(std::minstd_rand& random) override {
    if (!link_.is_open() && !connect()) return;
    for (std::size_t i = random() % 16; link_.is_open() && i > 0; --i) writes_ ? write() : read();
  }

 private:
  bool connect() {
    try {
      link_.open(name_ + "." + std::to_string(pair_));
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
    const auto status = link_.send({connection_, number, connection_ ^ ~number});
    if (status == shm::push_status::ok) {
      returned = number + 1;
      committed_.fetch_add(1);
    } else if (status == shm::push_status::closed) {
      link_.close();
    }
  }
  void read() {
    const auto next = link_.receive();
    if (!next) {
      if (link_.ended()) end_of_file();
      return;
    }
    const letter m = *next;
    if (m.check != (m.connection ^ ~m.number)) return add(wrong::corrupt, 1, "a torn message");
    if ((seen_ && *seen_ != m.connection) || m.number != received_)
      return add(m.number < received_ ? wrong::duplicated : wrong::lost, 1,
                 "a message out of order");
    seen_ = m.connection;
    ++received_;
  }
  void end_of_file() {
    if (seen_) {
      const std::uint64_t sent = ledger_.returned_of(pair_, *seen_);
      if (sent > received_)
        add(wrong::lost, sent - received_, "not all came before the end of file");
    }
    link_.close();
  }
  void add(wrong what, std::uint64_t count, const char* words) {
    book_.add(what, count, std::string{Link::word} + ": " + words);
  }

  soak_book& book_;
  soak_book::counter& committed_;
  pair_ledger& ledger_;
  std::string name_;
  std::size_t pair_;
  bool writes_;
  Link link_;
  std::uint64_t connection_ = 0;       // the writer's
  std::uint64_t received_ = 0;         // the reader's
  std::optional<std::uint64_t> seen_;  // connection
};

template <class Link>
class part final : public soak_part {
 public:
  part(const soak_setting& s, std::string name)
      : book_(s.book),
        committed_(s.book.committed_in(Link::word)),
        name_(std::move(name)),
        ledger_((s.workers + 1) / 2),
        common_(name_) {}

  void create() override { common_.create(); }
  std::unique_ptr<soak_member> join(std::size_t worker) override {
    return std::make_unique<member<Link>>(book_, committed_, ledger_, name_, worker);
  }
  void settle() override {
    // A pipe both of whose processes were killed is stale, and nothing else of it is left.
    for (std::size_t i = 0; i < ledger_.next.size(); ++i)
      Link{name_}.open(name_ + "." + std::to_string(i));
    if (const std::size_t leaked = common_.settle(); leaked != 0)
      book_.add(wrong::leaked, leaked, std::string{Link::word} + ": payloads of nobody");
  }

 private:
  soak_book& book_;
  soak_book::counter& committed_;
  std::string name_;
  pair_ledger ledger_;
  typename Link::common common_;
};

}  // namespace

std::unique_ptr<soak_part> pipe_part(const soak_setting& s) {
  return std::make_unique<part<plain_link>>(s, s.name + ".pipe");
}
std::unique_ptr<soak_part> payload_pipe_part(const soak_setting& s) {
  return std::make_unique<part<payload_link>>(s, s.name + ".payloads");
}

}  // namespace hawser::test
