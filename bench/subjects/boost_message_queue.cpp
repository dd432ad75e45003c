#include "subjects/subjects.hpp"
#include "two_processes.hpp"

#include <boost/interprocess/ipc/message_queue.hpp>

#include <memory>
#include <optional>

#include <unistd.h>

namespace hawser::bench {
namespace {

namespace ipc = boost::interprocess;

class boost_message_queue {
 public:
  boost_message_queue() : name_("hawser-bench-" + std::to_string(getpid()) + "-" + next_number()) {
    ipc::message_queue::remove(name_.c_str());
  }
  boost_message_queue(const boost_message_queue&) = delete;
  boost_message_queue& operator=(const boost_message_queue&) = delete;
  ~boost_message_queue() { ipc::message_queue::remove(name_.c_str()); }

  class sender {
   public:
    explicit sender(const std::string& name)
        : queue_(std::make_unique<ipc::message_queue>(ipc::open_only, name.c_str())) {}
    void send(const payload& message) { queue_->send(&message, sizeof message, 0); }
    void flush() {}

   private:
    std::unique_ptr<ipc::message_queue> queue_;
  };

  class receiver {
   public:
    explicit receiver(const std::string& name)
        : queue_(std::make_unique<ipc::message_queue>(ipc::create_only, name.c_str(),
                                                      channel_capacity, sizeof(payload))) {}

    template <class Use>
    std::size_t receive(Use&& use) {
      payload message;
      std::size_t bytes = 0;
      unsigned priority = 0;
      queue_->receive(&message, sizeof message, bytes, priority);
      use(message);
      return 1;
    }

    template <class Use>
    std::size_t try_receive(Use&& use) {
      payload message;
      std::size_t bytes = 0;
      unsigned priority = 0;
      if (!queue_->try_receive(&message, sizeof message, bytes, priority)) return 0;
      use(message);
      return 1;
    }

   private:
    std::unique_ptr<ipc::message_queue> queue_;
  };

  receiver create_receiver() { return receiver{name_}; }
  sender open_sender() { return sender{name_}; }

 private:
  static std::string next_number() {
    static unsigned made = 0;
    return std::to_string(++made);
  }

  std::string name_;
};

}  // namespace

void add_boost_message_queue(std::vector<measurement>& all) {
  all.push_back({"boost.message_queue", group::throughput, [](const effort& how) {
                   return measure_throughput<boost_message_queue>("boost.message_queue", how);
                 }});
  all.push_back({"boost.message_queue", group::round_trip, [](const effort& how) {
                   return measure_round_trip<boost_message_queue>("boost.message_queue", how);
                 }});
}

}  // namespace hawser::bench
