#include "payload_scenario.hpp"

#include "../../support/payload_bytes.hpp"

#include <filesystem>
#include <stdexcept>

#include <sys/stat.h>

namespace hawser::test {

using namespace std::chrono_literals;
using shm::payload;
using shm::payload_pool;
using shm::push_status;

namespace {

shm::payload_pool_options options(bool keeps) {
  return {.classes = {{small_bytes, payload_chunks}},
          .large = 1,
          .large_kept_bytes = keeps ? std::size_t{16} << 10 : 0,
          .references = 4};
}

std::size_t pages_of(const std::string& name) {
  struct stat status {};
  return stat(segment_path(name).c_str(), &status) == 0 ? static_cast<std::size_t>(status.st_blocks)
                                                        : 0;
}

/// The pool without types, for what only a kill at one instruction leaves behind.
std::shared_ptr<shm::detail::pool_core> core_of(const std::string& name) {
  shm::detail::pool_request request;
  request.name = name;
  return std::make_shared<shm::detail::pool_core>(request);
}

std::unique_ptr<shm::detail::payload_link> link_of(
    const std::shared_ptr<shm::detail::pool_core>& pool, const std::string& name) {
  shm::detail::queue_request request;
  request.name = name;
  return std::make_unique<shm::detail::payload_link>(
      pool, request,
      shm::detail::meta_layout{sizeof(std::uint64_t), alignof(std::uint64_t),
                               shm::detail::type_fingerprint<std::uint64_t>(),
                               typeid(std::uint64_t).name()});
}

}  // namespace

payload payload_scenario::filled(payload_pool& pool, std::uint64_t id) const {
  auto one = pool.try_loan(case_.bytes);
  if (!one) throw std::runtime_error("no payload while arranging");
  fill(one->writable(), id);
  return std::move(*one);
}

void payload_scenario::arrange(int object) {
  shm::detail::set_wait_slices(slices());
  if (object != object_) {
    finish();
    name_ = name_of(object);
    pool_.emplace(create_only, name_, options(case_.keeps));
    queue_.emplace(*pool_, create_only, name_ + ".q",
                   shm::queue_options{.capacity = payload_slots});
    raw_pool_.emplace(name_);
    raw_queue_.emplace(name_ + ".q");
    pages_ = pages_of(name_);
    object_ = object;
    points_ = 0;
  }
  ++points_;
  released_ = false;
  for (std::uint64_t id = 1; id <= case_.before; ++id) {
    payload one = filled(*pool_, id);
    payload other;
    if (case_.shared != sharing::none) {
      other = one.share();
      if (!other) throw std::runtime_error("no reference while arranging");
    }
    if (case_.shared == sharing::kept) kept_.push_back(std::move(one));
    const bool shares = case_.shared != sharing::none;
    if (queue_->try_push(id, std::move(shares ? other : one)) != push_status::ok)
      throw std::runtime_error("cannot send while arranging");
  }
  for (std::size_t i = 0; i < case_.held; ++i)
    held_.push_back(filled(*pool_, payload_of_survivor + i));
}

void payload_scenario::open(int object) {
  name_ = name_of(object);
  own_pool_.emplace(open_only, name_);
  own_queue_.emplace(*own_pool_, open_only, name_ + ".q");
}

void payload_scenario::occupy(int object) {
  if (case_.corpse <= remains::leased) {
    open(object);
    if (case_.corpse == remains::leased) {
      own_lease_.emplace(own_queue_->try_lease());
      return;
    }
    own_ = filled(*own_pool_, payload_of_corpse);
    if (case_.corpse == remains::sent)
      (void)own_queue_->try_push(payload_of_corpse, std::move(own_));
    return;
  }
  own_core_ = core_of(name_of(object));
  own_link_ = link_of(own_core_, name_of(object) + ".q");
  shm::detail::taken_payload taken;
  const auto lease_first = [&] { (void)own_link_->lease(taken, false, {}); };
  switch (case_.corpse) {
    case remains::unsent: own_core_->begin_send(*own_core_->try_loan(case_.bytes, {}), 1); break;
    case remains::claimed:
      lease_first();
      own_core_->claim(taken.payload, 1);
      break;
    case remains::acked:
      lease_first();
      own_core_->claim(taken.payload, 1);
      own_link_->queue().ack(taken.slot);
      break;
    case remains::pages: {
      const auto large = *own_core_->try_loan(case_.bytes, {});
      own_core_->words()[large.reference].word.store(0);
      break;
    }
    case remains::locked: {
      const raw_segment raw(name_of(object));
      raw.body<shm::detail::pool_layout>().lock.owner.store(own_core_->own_tag());
      break;
    }
    default: break;
  }
}

void payload_scenario::enter(int object) {
  using enum payload_operation;
  shm::detail::set_wait_slices(slices());
  name_ = name_of(object);
  if (case_.what == attach) return;
  if (case_.what == sweep) {
    own_core_ = core_of(name_);
    return;
  }
  if (case_.what == detach) {
    // By its core: a payload would release itself before.
    own_core_ = core_of(name_);
    fill({own_core_->try_loan(case_.bytes, {}).value().data, case_.bytes}, payload_of_victim);
    return;
  }
  own_pool_.emplace(open_only, name_);
  if (case_.what == loan || case_.what == open_queue) return;
  own_queue_.emplace(*own_pool_, open_only, name_ + ".q");
  if (case_.what == release || case_.what == share || case_.what == send ||
      case_.what == send_wait || case_.what == close_queue)
    own_ = filled(*own_pool_, payload_of_victim);
  if (case_.what == ack || case_.what == nack) own_lease_.emplace(own_queue_->try_lease());
  if (case_.what == close_queue) {
    own_queue_.emplace(*own_pool_, create_only, name_ + ".own");
    (void)own_queue_->try_push(payload_of_victim, std::move(own_));
  }
  // The first wait of a process starts a thread, and the first ones spin for longer: neither
  // belongs to the operation.
  for (int i = 0; blocks() && i < 32; ++i) {
    if (case_.what == loan_wait) (void)own_pool_->loan_for(case_.bytes, 10us);
    else if (case_.what == send_wait) (void)own_queue_->push_for(1, std::move(own_), 10us);
    else (void)own_queue_->pop_for(10us);
  }
}

void payload_scenario::operate() {
  using enum payload_operation;
  switch (case_.what) {
    case loan:
      if (auto one = own_pool_->try_loan(case_.bytes)) own_ = std::move(*one);
      break;
    case loan_wait: own_ = own_pool_->loan(case_.bytes); break;
    case release: own_.release(); break;
    case share: own_share_ = own_.share(); break;
    case send: (void)own_queue_->try_push(payload_of_victim, std::move(own_)); break;
    case send_wait: own_queue_->push(payload_of_victim, std::move(own_)); break;
    case lease: own_lease_.emplace(own_queue_->try_lease()); break;
    case lease_wait: own_lease_.emplace(own_queue_->lease()); break;
    case ack: own_lease_->ack(); break;
    case nack: own_lease_->nack(); break;
    case pop: own_popped_ = own_queue_->try_pop(); break;
    case pop_wait: own_popped_ = own_queue_->pop(); break;
    case sweep: own_core_->channel().look_for_dead(true); break;
    case attach: own_pool_.emplace(open_only, name_); break;
    case detach: own_core_.reset(); break;
    case open_queue: own_queue_.emplace(*own_pool_, open_only, name_ + ".q"); break;
    case close_queue: own_queue_.reset(); break;
  }
}

std::string payload_scenario::doze(int object) {
  shm::detail::set_wait_slices(false);
  if (object != object_) {
    queue_.reset();
    pool_.emplace(open_only, name_of(object));
    queue_.emplace(*pool_, open_only, name_of(object) + ".q");
    object_ = object;
  }
  if (case_.other == payload_sleeper::loaner)
    return std::to_string(pool_->loan(case_.bytes).size());
  auto message = queue_->lease();
  if (!message) return "closed";
  const std::uint64_t id = message.meta();
  const bool whole = holds(message.bytes(), id);
  message.ack();
  return whole ? std::to_string(id) : "torn";
}

void payload_scenario::release() {
  released_ = true;
  switch (case_.what) {
    case payload_operation::loan_wait: held_.pop_back(); break;
    case payload_operation::send_wait: (void)queue_->try_pop(); break;
    default: (void)queue_->try_push(payload_of_release, filled(*pool_, payload_of_release));
  }
}

void payload_scenario::finish() {
  held_.clear();
  kept_.clear();
  raw_queue_.reset();
  raw_pool_.reset();
  queue_.reset();
  pool_.reset();
}

std::string payload_scenario::leftovers() {
  std::string words;
  for (const std::string& path : segments_with(unique_ + ".")) {
    words += words.empty() ? path : ", " + path;
    std::filesystem::remove(path);
  }
  return words;
}

}  // namespace hawser::test
