#!/bin/busybox sh
# Written by fabricctl. Changes made here are overwritten.
# Says who answers and whom it sees: no address translation in between if that is the caller's own address.
printf 'Content-Type: text/plain\r\n\r\n'
caller=${REMOTE_ADDR#\[::ffff:}
echo "$(hostname) sees ${caller%]}"
