/// A thread that the program's signals do not reach: they are for the program's threads.
#pragma once

#include <csignal>
#include <thread>
#include <utility>

#include <pthread.h>

namespace hawser::actors::detail {

template <class Run>
std::thread quiet_thread(const char* name, Run run) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  try {
    std::thread thread{std::move(run)};
    pthread_setname_np(thread.native_handle(), name);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return thread;
  } catch (...) {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    throw;
  }
}

}  // namespace hawser::actors::detail
