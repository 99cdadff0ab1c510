/* SPDX-License-Identifier: Apache-2.0 */
/* The other end of the serial line: a TCP port, or standard output. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "machine.h"
#include "outside.h"

enum {
    LINE_BYTES = 4096,
    UNREAD_BYTES =
        65536 /* a host that does not read halts the emulation soon: it does not run away from its clock */
};

static int connection = -1; /* standard output without one */
static uint8_t received[LINE_BYTES];
static size_t num_received, next_received;
static unsigned long num_taken; /* bytes that the chip has received */
static uint8_t sent[LINE_BYTES];
static size_t num_sent;

void serial_listen(void)
{
    const int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    must(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 1) == 0 &&
             getsockname(listener, (struct sockaddr *)&address, &size) == 0,
         "no port to listen on");
    printf("socket://127.0.0.1:%u\n", ntohs(address.sin_port));
    fflush(stdout);
    connection = accept(listener, NULL, NULL);
    must(connection >= 0, strerror(errno));
    const int on = 1, unread_bytes = UNREAD_BYTES;
    setsockopt(connection, SOL_SOCKET, SO_SNDBUF, &unread_bytes, sizeof unread_bytes);
    setsockopt(connection, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(connection, F_SETFL, O_NONBLOCK);
    close(listener);
}

bool serial_exchange(int wait_ms)
{
    const int to = connection >= 0 ? connection : STDOUT_FILENO;
    if (supply_has_the_line()) {
        return true;
    }
    for (size_t done = 0; done < num_sent;) {
        const ssize_t count = write(to, sent + done, num_sent - done);
        if (count > 0) {
            done += (size_t)count;
        } else if (errno == EAGAIN) {
            poll(&(struct pollfd){.fd = to, .events = POLLOUT}, 1, 1000);
        } else {
            return false;
        }
    }
    num_sent = 0;
    if (connection < 0 || next_received < num_received) {
        return true;
    }
    if (wait_ms > 0) {
        poll(&(struct pollfd){.fd = connection, .events = POLLIN}, 1, wait_ms);
    }
    const ssize_t count = read(connection, received, sizeof received);
    num_received = count > 0 ? (size_t)count : 0;
    next_received = 0;
    return count > 0 || (count < 0 && errno == EAGAIN);
}

bool serial_is_idle(void)
{
    return num_sent == 0 && next_received == num_received;
}

unsigned long serial_taken(void)
{
    return num_taken;
}

int outside_serial_receive(void)
{
    if (supply_has_the_line()) {
        return supply_receive();
    }
    num_taken += next_received < num_received;
    return next_received < num_received ? received[next_received++] : -1;
}

void outside_serial_send(uint8_t byte)
{
    if (supply_has_the_line()) {
        supply_send(byte);
        return;
    }
    sent[num_sent++] = byte;
    if (num_sent == sizeof sent) {
        serial_exchange(0);
    }
}
