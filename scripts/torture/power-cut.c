/*
 * A power failure of one mounted file system: `power-cut MOUNT SEED PER_MILLE`.
 * First some pages of its files, PER_MILLE of a thousand, reach the disk in no particular order, as a
 * kernel writes back when it likes; then the file system is shut down with nothing else flushed, not
 * even its journal. Unmounting and mounting again shows what a machine finds when the power is back.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of XFS, ext4 and others; flag 2 is "flush nothing". */
#define SHUT_DOWN _IOR('X', 125, uint32_t)
#define FLUSH_NOTHING 2u
#define PAGE_BYTES 4096

static uint32_t chance;
static uint32_t per_mille;

static uint32_t next_chance(void)
{
	chance ^= chance << 13;
	chance ^= chance >> 17;
	chance ^= chance << 5;
	return chance;
}

static int write_some_back(const char *path, const struct stat *status, int type, struct FTW *at)
{
	(void)at;
	if (type != FTW_F)
		return 0;
	int file = open(path, O_RDONLY);
	if (file < 0)
		return 0;
	for (off_t from = 0; from < status->st_size; from += PAGE_BYTES) {
		if (next_chance() % 1000 >= per_mille)
			continue;
		sync_file_range(file, from, PAGE_BYTES,
				SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
					SYNC_FILE_RANGE_WAIT_AFTER);
	}
	close(file);
	return 0;
}

int main(int count, char **arguments)
{
	if (count != 4) {
		fprintf(stderr, "usage: power-cut MOUNT SEED PER_MILLE\n");
		return 2;
	}
	chance = (uint32_t)strtoul(arguments[2], NULL, 10) | 1;
	per_mille = (uint32_t)strtoul(arguments[3], NULL, 10);
	if (per_mille > 0 && nftw(arguments[1], write_some_back, 16, FTW_PHYS | FTW_MOUNT) != 0) {
		perror("walk");
		return 1;
	}
	int mount = open(arguments[1], O_RDONLY);
	if (mount < 0) {
		perror(arguments[1]);
		return 1;
	}
	uint32_t flag = FLUSH_NOTHING;
	if (ioctl(mount, SHUT_DOWN, &flag) != 0) {
		perror("shut down");
		return 1;
	}
	return 0;
}
