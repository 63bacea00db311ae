/* postgres_words.h - the kinds of columns that PostgreSQL has, as far as sluice writes to them: db_table_column.family.
 *
 * A domain is of the kind of the type below it.
 */
#ifndef SLUICE_STORE_POSTGRES_WORDS_H
#define SLUICE_STORE_POSTGRES_WORDS_H

#include "postgres.h"

#define PG_OTHER       0 /* nothing is written to it */
#define PG_TEXT        1 /* text, varchar */
#define PG_CHAR        2
#define PG_CITEXT      3
#define PG_INT         4 /* of two, four or eight bytes */
#define PG_NUMERIC     5
#define PG_BOOL        6
#define PG_TIMESTAMPTZ 7
#define PG_TIMESTAMP   8 /* without zone: UTC is stored */
#define PG_DATE        9 /* of UTC */
#define PG_ENUM        10
#define PG_UUID        11
#define PG_JSON        12
#define PG_JSONB       13
#define PG_XML         14
#define PG_INTS        15 /* arrays of PG_INT */

#endif
